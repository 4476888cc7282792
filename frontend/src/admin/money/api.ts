/** What the money pages ask the backend for. Keys and paths live here only. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { request } from "../../api/client";
import type { components } from "../../api/schema.gen";

type Schemas = components["schemas"];

export type Customer = Schemas["CustomerRowOutput"];
export type CustomerDetail = Schemas["CustomerOutput"];
export type CustomerList = Schemas["CustomerListOutput"];
export type PriceRow = Schemas["PriceOutput"];
export type Proof = Schemas["ProofOutput"];
export type ProofLine = Schemas["ProofOutputLine"];
export type AuditEntry = Omit<Schemas["AuditListOutputEntry"], "before" | "after"> & {
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
};

const PROOF_REFRESH_MS = 10_000; // it reads whole tables

function query(fields: Record<string, string | number | null>): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

export const customersQuery = (text: string, page: number) =>
  queryOptions({
    queryKey: ["customers", text, page],
    queryFn: () => request<CustomerList>("GET", `/api/console/customers${query({ q: text, page })}`),
    placeholderData: keepPreviousData,
  });

export const customerQuery = (id: string) =>
  queryOptions({
    queryKey: ["customer", id],
    queryFn: () => request<CustomerDetail>("GET", `/api/console/customers/${encodeURIComponent(id)}`),
  });

export interface GrantGiven {
  id: string;
  amount_nano_usd: number;
  reason: string;
  confirm: string;
}

export const grantGive = (accountId: string, given: GrantGiven) =>
  request<unknown>("POST", `/api/console/customers/${encodeURIComponent(accountId)}/grants`, given);

export const pricesQuery = queryOptions({
  queryKey: ["prices"],
  queryFn: () => request<PriceRow[]>("GET", "/api/console/prices"),
});

export interface PriceGiven {
  model: string;
  nano_usd_per_token: number;
  effective_from: string | null;
  reason: string;
}

export const priceAdd = (given: PriceGiven) => request<PriceRow>("POST", "/api/console/prices", given);

export const proofQuery = queryOptions({
  queryKey: ["proof"],
  queryFn: () => request<Proof>("GET", "/api/console/proof"),
  refetchInterval: PROOF_REFRESH_MS,
});

export interface AuditFilter {
  area: string;
  q: string;
  first_day: string;
  last_day: string;
}

export const auditPage = (only: AuditFilter, cursor: string | null) =>
  request<{ results: AuditEntry[]; next: string | null }>(
    "GET",
    `/api/console/audit${query({ ...only, cursor })}`,
  );

export const auditCsvPath = (only: AuditFilter) => `/api/console/audit.csv${query({ ...only })}`;
