/** What the pages ask the backend for. Keys and paths live here only. */
import { QueryClient, queryOptions } from "@tanstack/react-query";
import { RequestFailed, request } from "./client";
import type {
  ApiKey,
  ApiKeyMade,
  Ask,
  Conversation,
  ConversationRow,
  Me,
  Model,
  Page,
  Run,
  RunEvents,
  SpendCap,
  Statement,
  Tool,
  ToolTrial,
  UsageRun,
  UsageSummary,
} from "./types";

const RETRIES_MAX = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    // Asked also when the browser believes itself offline (this machine is always there), and failed in words: a paused
    // request would say nothing at all.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: 5_000, // ms: a page opened twice in a row does not ask twice
      retry: (count, error) =>
        count < RETRIES_MAX && !(error instanceof RequestFailed && error.status >= 400 && error.status < 500),
    },
  },
});

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => request<Me>("GET", "/api/me") });

export const USUAL_ALIAS = "svend-latest"; // what a question without a model asks

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: () => request<Model[]>("GET", "/api/models"),
  staleTime: 60_000,
});

export const toolsQuery = queryOptions({
  queryKey: ["tools"],
  queryFn: () => request<Tool[]>("GET", "/api/tools"),
  staleTime: 60_000,
});

export const toolTry = (name: string, args: string) =>
  request<ToolTrial>("POST", `/api/tools/${encodeURIComponent(name)}`, { arguments: args });

export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: () => request<ApiKey[]>("GET", "/api/keys"),
});

export const conversationQuery = (id: string) =>
  queryOptions({
    queryKey: ["conversation", id],
    queryFn: () => request<Conversation>("GET", `/api/conversations/${encodeURIComponent(id)}`),
  });

export const runRead = (id: string) => request<Run>("GET", `/api/runs/${encodeURIComponent(id)}`);

export const runQuery = (id: string) => queryOptions({ queryKey: ["run", id], queryFn: () => runRead(id) });

/** Of which key and model; empty filters nothing. */
export interface UsageFilter {
  key: string;
  model: string;
}

function query(fields: Record<string, string | number | null>): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

export const usageSummaryQuery = (from: string, to: string, only: UsageFilter) =>
  queryOptions({
    queryKey: ["usage", from, to, only],
    queryFn: () => request<UsageSummary>("GET", `/api/usage/summary${query({ from, to, ...only })}`),
  });

export const spendCapQuery = queryOptions({
  queryKey: ["spend-cap"],
  queryFn: () => request<SpendCap>("GET", "/api/spend-cap"),
});

export const spendCapSet = (nanoUsd: number | null) =>
  request<SpendCap>("PUT", "/api/spend-cap", { monthly_cap_nano_usd: nanoUsd });

export const keyCapSet = (id: string, nanoUsd: number | null) =>
  request<ApiKey>("PATCH", `/api/keys/${encodeURIComponent(id)}`, { monthly_cap_nano_usd: nanoUsd });

/** Days as "2026-11-01"; empty: from the beginning, or until now. */
export interface Days {
  from: string;
  to: string;
}

export const statementPage = (days: Days, cursor: string | null) =>
  request<Statement>("GET", `/api/statement${query({ ...days, cursor })}`);

export const statementCsvPath = (days: Days) => `/api/statement.csv${query({ ...days })}`;

const withCursor = (path: string, cursor: string | null) =>
  cursor ? `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : path;

export const historyPage = (cursor: string | null) =>
  request<Page<ConversationRow>>("GET", withCursor("/api/conversations", cursor));

export const usageRunsPage = (cursor: string | null, only: UsageFilter) =>
  request<Page<UsageRun>>("GET", `/api/usage/runs${query({ limit: 50, cursor, ...only })}`);

export const runEvents = (id: string, afterSeq: number) =>
  request<RunEvents>("GET", `/api/runs/${encodeURIComponent(id)}/events?after=${afterSeq}`);

export const runCancel = (id: string) =>
  request<unknown>("POST", `/api/runs/${encodeURIComponent(id)}/cancel`);

export const conversationStart = (ask: Ask) =>
  request<{ conversation: ConversationRow; run: Run }>("POST", "/api/conversations", ask);

export const conversationAsk = (id: string, ask: Ask) =>
  request<Run>("POST", `/api/conversations/${encodeURIComponent(id)}/runs`, ask);

export const conversationDelete = (id: string) =>
  request<void>("DELETE", `/api/conversations/${encodeURIComponent(id)}`);

export const keyMake = (body: { name: string; monthly_cap_nano_usd?: number }) =>
  request<ApiKeyMade>("POST", "/api/keys", body);

export const keyRevoke = (id: string) => request<void>("DELETE", `/api/keys/${encodeURIComponent(id)}`);
