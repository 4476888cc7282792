/** What the operator's pages ask the backend for. Keys and paths live here only. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Manifest } from "../protocol.gen";
import type {
  AliasRow,
  CheckpointRegistered,
  CheckpointRow,
  Comparison,
  DataFileRow,
  DataFileStored,
  DeploymentRow,
  Gates,
  JobDetail,
  JobEventsPage,
  JobPlan,
  JobPreview,
  JobRow,
  JobTerms,
  LogPage,
  NodeRow,
  NodeStartLines,
  PromotionRow,
  Report,
  SamplesPage,
  ScheduleRow,
  SpecSchema,
  VersionRow,
} from "./api_types";
import { type LoggedEvent, type MetricColumns, marksOf } from "./jobs/job_log";

const REFRESH_MS = 3_000; // promotions have no live line: they are read again
export const JOBS_REFRESH_MS = 10_000; // the queue and the nodes have one; this is for what it lost
const EVENTS_PAGE = 1_000;
const METRIC_POINTS = 4_000;

const path = (...parts: string[]) => `/api/${parts.map(encodeURIComponent).join("/")}`;

function query(fields: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

// --- Jobs

export const jobsPage = (statuses: string, kind: string, cursor: string | null) =>
  request<{ results: JobRow[]; next: string | null }>(
    "GET",
    `/api/jobs${query({ status: statuses, kind, cursor })}`,
  );

export const jobQuery = (id: string) =>
  queryOptions({ queryKey: ["job", id], queryFn: () => request<JobDetail>("GET", path("jobs", id)) });

/** Every page of a job's log after `seq`. */
export async function jobEventsAll(id: string, afterSeq: number): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let after = afterSeq; ; ) {
    const page = await request<JobEventsPage>(
      "GET",
      `${path("jobs", id, "events")}${query({ after, limit: EVENTS_PAGE })}`,
    );
    events.push(...page.events);
    const last = page.events.at(-1);
    if (!last || page.events.length < EVENTS_PAGE) return events;
    after = last.seq;
  }
}

/** Alerts before the part of a long job's log that is read event by event. */
export const jobAlertsQuery = (id: string, beforeSeq: number) =>
  queryOptions({
    queryKey: ["job", id, "alerts", beforeSeq],
    queryFn: async () => {
      const asked = query({ after: 0, limit: EVENTS_PAGE, types: "alert" });
      const page = await request<JobEventsPage>("GET", `${path("jobs", id, "events")}${asked}`);
      return marksOf(page.events.filter((event) => event.seq <= beforeSeq));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export const jobMetrics = (id: string) =>
  request<MetricColumns>("GET", `${path("jobs", id, "metrics")}${query({ points_max: METRIC_POINTS })}`);

export const jobMetricsQuery = (id: string) =>
  queryOptions({ queryKey: ["job", id, "metrics"], queryFn: () => jobMetrics(id), staleTime: 15_000 });

export const jobLogPage = (id: string, after: number) =>
  request<LogPage>("GET", `${path("jobs", id, "log")}${query({ after, limit: 2_000 })}`);

export const checkpointsQuery = (id: string) =>
  queryOptions({
    queryKey: ["job", id, "checkpoints"],
    queryFn: () => request<CheckpointRow[]>("GET", path("jobs", id, "checkpoints")),
  });

export const jobAct = (id: string, verb: "cancel" | "pause" | "resume" | "requeue", reason = "") =>
  request<JobRow>("POST", path("jobs", id, verb), { reason });

export const jobLaunch = (id: string, spec: Record<string, unknown>, terms: JobTerms) =>
  request<JobRow>("POST", "/api/jobs", { id, spec, ...terms });

export const jobClone = (from: string, id: string, changes: Record<string, unknown>, terms: JobTerms) =>
  request<JobRow>("POST", path("jobs", from, "clone"), { id, changes, ...terms });

export const specSchemaQuery = queryOptions({
  queryKey: ["spec-schema"],
  queryFn: () => request<SpecSchema>("GET", "/api/jobs/spec-schema"),
  staleTime: Number.POSITIVE_INFINITY,
});

export const planQuery = (spec: Record<string, unknown> | null, nodeName: string) =>
  queryOptions({
    queryKey: ["plan", spec, nodeName],
    queryFn: () =>
      request<JobPlan>("POST", "/api/jobs/plan", { spec, ...(nodeName ? { node_name: nodeName } : {}) }),
    enabled: spec !== null,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });

/** `by`: the model that will read the rows, and what it is to learn from them. */
export const previewQuery = (
  data: Record<string, unknown> | null,
  by: { parent?: unknown; objective?: unknown },
  nodeName: string,
) =>
  queryOptions({
    queryKey: ["preview", data, by, nodeName],
    queryFn: () =>
      request<JobPreview>("POST", "/api/jobs/preview", {
        ...by,
        data,
        num_rows: 3,
        ...(nodeName ? { node_name: nodeName } : {}),
      }),
    enabled: data !== null,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });

// --- Schedules and data files

export const schedulesQuery = queryOptions({
  queryKey: ["schedules"],
  queryFn: () => request<ScheduleRow[]>("GET", "/api/schedules"),
  refetchInterval: JOBS_REFRESH_MS,
});

export interface ScheduleGiven {
  name: string;
  spec: Record<string, unknown>;
  every_seconds: number;
  first_at?: string;
  priority: number;
  budget_nano_usd: number | null;
}

export const scheduleMake = (given: ScheduleGiven) => request<ScheduleRow>("POST", "/api/schedules", given);

export const scheduleEnable = (id: string, isEnabled: boolean) =>
  request<ScheduleRow>("PATCH", path("schedules", id), { is_enabled: isEnabled });

export const scheduleRemove = (id: string) => request<void>("DELETE", path("schedules", id));

export const filesQuery = queryOptions({
  queryKey: ["files"],
  queryFn: () => request<DataFileRow[]>("GET", "/api/artifacts"),
});

export const fileStore = (manifest: Manifest, name: string) =>
  request<DataFileStored>("POST", "/api/artifacts", { manifest, name });

export const fileRemove = (sha256: string) => request<void>("DELETE", path("artifacts", sha256));

// --- Model registry

/** A stored checkpoint becomes a ModelVersion; the same bytes again are the same version. */
export const checkpointRegister = (jobId: string, step: number, name: string) =>
  request<CheckpointRegistered>("POST", path("jobs", jobId, "checkpoints", String(step), "register"), {
    ...(name ? { name } : {}),
  });

export const versionsQuery = queryOptions({
  queryKey: ["versions"],
  queryFn: () => request<VersionRow[]>("GET", "/api/models"),
  refetchInterval: 2 * REFRESH_MS,
});

export const aliasesQuery = queryOptions({
  queryKey: ["aliases"],
  queryFn: () => request<AliasRow[]>("GET", "/api/aliases"),
  refetchInterval: REFRESH_MS,
});

export const reportsQuery = queryOptions({
  queryKey: ["reports"],
  queryFn: () => request<Report[]>("GET", "/api/reports"),
});

export const comparisonQuery = (one: number, other: number) =>
  queryOptions({
    queryKey: ["comparison", one, other],
    queryFn: () => request<Comparison>("GET", `/api/reports/compare${query({ a: one, b: other })}`),
    enabled: one > 0 && other > 0,
    staleTime: Number.POSITIVE_INFINITY, // reports never change
  });

export type SampleFilter = "differ" | "b_wrong" | "b_better" | "all";

export interface SamplesAsked {
  a: number;
  b: number;
  show: SampleFilter;
  family: string;
  offset: number;
  limit: number;
}

export const samplesQuery = (asked: SamplesAsked) =>
  queryOptions({
    queryKey: ["samples", asked],
    queryFn: () => request<SamplesPage>("GET", `/api/reports/samples${query({ ...asked })}`),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const versionLoad = (version: string, node: string) =>
  request<DeploymentRow>("POST", path("models", version, "deployments"), { node });

export const versionUnload = (version: string, node: string) =>
  request<DeploymentRow>("DELETE", path("models", version, "deployments", node));

export const gatesQuery = (version: string, alias: string) =>
  queryOptions({
    queryKey: ["gates", version, alias],
    queryFn: () => request<Gates>("GET", `${path("models", version, "gates")}${query({ alias })}`),
    enabled: version !== "" && alias !== "",
    refetchInterval: 2 * REFRESH_MS,
  });

export const promotionsQuery = (alias: string) =>
  queryOptions({
    queryKey: ["promotions", alias],
    queryFn: () => request<PromotionRow[]>("GET", `/api/promotions${query({ alias })}`),
    refetchInterval: REFRESH_MS,
  });

export const promote = (alias: string, model: string, reason: string) =>
  request<PromotionRow>("POST", "/api/promotions", { alias, model, reason });

export const rollback = (alias: string, expected: string | null, reason: string) =>
  request<PromotionRow>("POST", "/api/promotions/rollback", { alias, expected, reason });

// --- Nodes

export const nodesQuery = queryOptions({
  queryKey: ["nodes"],
  queryFn: () => request<NodeRow[]>("GET", "/api/nodes"),
  refetchInterval: JOBS_REFRESH_MS,
});

export type NodeVerb = "cordon" | "uncordon" | "drain" | "undrain" | "probe";

export const nodeAct = (name: string, verb: NodeVerb) => request<NodeRow>("POST", path("nodes", name, verb));

export const nodeQuery = (name: string) =>
  queryOptions({
    queryKey: ["nodes", name],
    queryFn: () => request<NodeRow>("GET", path("nodes", name)),
    refetchInterval: REFRESH_MS,
  });

export const nodeChange = (name: string, change: Pick<NodeRow, "role" | "price_nano_usd_per_hour">) =>
  request<NodeRow>("PATCH", path("nodes", name), change);

export const nodeRemove = (name: string) => request<void>("DELETE", path("nodes", name));

export const nodeStartLines = () => request<NodeStartLines>("POST", "/api/nodes/start-lines", {});

export interface NodeGiven {
  name: string;
  url: string;
  secret: string;
  role: NodeRow["role"];
  price_nano_usd_per_hour: number;
}

export const nodeAdd = (given: NodeGiven) => request<NodeRow>("POST", "/api/nodes", given);
