/** What a launch begins with and what it sends: presets, clones, the job's terms. Pure. */
import { dollarsToNano } from "../../keys/dollars";
import type { JobDetail, JobKind, JobTerms, SpecSchema } from "../api_types";
import type { Spec } from "./schema_form";

/** What can be launched, in the order that the specs are listed in. */
export const kindsOf = (schema: SpecSchema): JobKind[] => Object.keys(schema.kinds) as JobKind[];

/** Above this estimate a launch asks back. */
export const CONFIRM_NANO_USD = 50_000_000_000;

export interface LaunchSearch {
  kind?: string;
  preset?: string;
  clone?: string;
  model?: string;
  parent?: string;
  /** A stored data file, by its manifest's SHA-256. */
  file?: string;
  /** How many rows it has, where that is known: all of them are drawn. */
  rows?: number;
}

/** The address of another beginning: the model and the file that this one names stay named. */
export const begunWith = (search: LaunchSearch, kind: JobKind, preset?: string): LaunchSearch => ({
  kind,
  preset,
  model: search.model,
  parent: search.parent,
  file: search.file,
  rows: search.rows,
});

/** The spec that the form opens with: a clone's, a preset's, or nothing but what the address names. */
export function specFirst(
  search: LaunchSearch,
  kind: JobKind,
  schema: SpecSchema,
  clone: JobDetail | null,
): Spec {
  const preset = schema.presets.find((one) => one.name === search.preset && one.kind === kind);
  const base: Spec = { ...(clone?.kind === kind ? clone.spec : preset?.spec) };
  if (search.model && schema.kinds[kind].properties?.model) base.model = search.model;
  if (search.parent && kind === "train") base.parent = search.parent;
  if (search.file && kind === "evaluate") base.data = { file: search.file };
  if (search.file && kind === "train")
    base.data = {
      ...(base.data as Spec | undefined),
      source: "file",
      file: search.file,
      ...(search.rows ? { num_rows: search.rows } : {}),
    };
  return base;
}

export interface TermsTyped {
  name: string;
  priority: string;
  budget: string;
  retries: string;
  nodes: string[];
}

export const TERMS_FIRST: TermsTyped = { name: "", priority: "0", budget: "", retries: "0", nodes: [] };

export function termsOf(clone: JobDetail): TermsTyped {
  return {
    name: clone.name,
    priority: String(clone.priority),
    budget: clone.budget_nano_usd === null ? "" : dollarsOf(clone.budget_nano_usd),
    retries: String(clone.retries_max),
    nodes: clone.wanted_node_names,
  };
}

/** A clone's terms; one that asks the same of another model is not called by the first one's name. */
export const termsFirst = (search: LaunchSearch, clone: JobDetail | null): TermsTyped =>
  clone ? { ...termsOf(clone), ...(search.model ? { name: "" } : {}) } : TERMS_FIRST;

/** "2.50" of nano-dollars, by digits. */
export function dollarsOf(nanoUsd: number): string {
  const digits = String(nanoUsd).padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "").padEnd(2, "0");
  return `${digits.slice(0, -9)}.${fraction}`;
}

export type TermsError = Partial<Record<"priority" | "budget" | "retries", true>>;

export function termsRead(typed: TermsTyped): { terms: JobTerms; errors: TermsError } {
  const errors: TermsError = {};
  const budget = typed.budget.trim() ? dollarsToNano(typed.budget) : null;
  if (typed.budget.trim() && !budget) errors.budget = true;
  const priority = Number(typed.priority || "0");
  if (!Number.isInteger(priority) || Math.abs(priority) > 100) errors.priority = true;
  const retries = Number(typed.retries || "0");
  if (!Number.isInteger(retries) || retries < 0 || retries > 20) errors.retries = true;
  return {
    errors,
    terms: {
      priority,
      retries_max: retries,
      node_names: typed.nodes,
      budget_nano_usd: budget,
      ...(typed.name.trim() ? { name: typed.name.trim() } : {}),
    },
  };
}

/** The spec's rows, where a job of its kind draws any and the file that they come from is chosen. */
export function dataOf(spec: Spec): Spec | null {
  const data = spec.data as Spec | undefined;
  return data?.source && (data.source !== "file" || data.file) ? data : null;
}
