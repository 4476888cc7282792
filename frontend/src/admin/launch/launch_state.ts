/** What a launch begins with and what it sends: presets, clones, the job's terms. Pure. */
import { dollarsToNano } from "../../keys/dollars";
import type { JobDetail, JobKind, JobTerms, SpecSchema } from "../api_types";
import { type FormField, type FormValues, formFields, type Spec } from "./schema_form";

export const KINDS: JobKind[] = ["train", "evaluate", "generate", "export", "quantize", "import"];
export const isKind = (text: unknown): text is JobKind => KINDS.includes(text as JobKind);

/** Above this estimate a launch asks back. */
export const CONFIRM_NANO_USD = 50_000_000_000;

/** The fields that decide what a job is; the rest stands behind "All settings". */
const IMPORTANT: Record<JobKind, string[]> = {
  train: [
    "objective",
    "model_size",
    "parent",
    "num_steps",
    "batch_tokens",
    "checkpoint_steps",
    "data.source",
    "data.num_rows",
    "data.families",
  ],
  evaluate: ["model", "verifier", "num_problems", "families", "is_held_out_wording"],
  generate: ["data.num_rows", "data.families", "data.seed_start"],
  export: ["model", "dtype"],
  quantize: ["model", "bits"],
  import: ["source", "folder", "artifact"],
};

/** Fields in the order a reader decides them: the important ones first, as they are listed. */
export function fieldsOrdered(kind: JobKind, fields: FormField[]): FormField[] {
  const place = (field: FormField) => {
    const index = IMPORTANT[kind].indexOf(field.path);
    return index === -1 ? IMPORTANT[kind].length : index;
  };
  return [...fields].sort((one, other) => place(one) - place(other));
}

export const isImportant = (kind: JobKind, field: FormField): boolean =>
  IMPORTANT[kind].includes(field.path) || field.isRequired;

/** What means nothing where rows come from the key; a file has a choice of its own, beside the fields. */
const NOT_ASKED_OF_FAMILIES = ["data.file", "data.files", "data.layout"];
const NOT_ASKED: Record<string, string[]> = {
  families: NOT_ASKED_OF_FAMILIES,
  file: ["data.file", "data.files", "data.families", "data.seed_start"],
  mixture: ["data.file", "data.families"],
};

/** Fields that mean something beside the others. */
export function fieldsAsked(fields: FormField[], values: FormValues): FormField[] {
  const hidden = NOT_ASKED[String(values["data.source"])] ?? NOT_ASKED_OF_FAMILIES;
  return fields.filter((field) => !hidden.includes(field.path));
}

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

/** The spec that the form opens with: a clone's, a preset's, or nothing but what the address names. */
export function specFirst(
  search: LaunchSearch,
  kind: JobKind,
  schema: SpecSchema,
  clone: JobDetail | null,
): Spec {
  const preset = schema.presets.find((one) => one.name === search.preset && one.kind === kind);
  const base: Spec = { ...(clone?.kind === kind ? clone.spec : preset?.spec) };
  if (search.model && kind !== "train" && kind !== "generate" && kind !== "import") base.model = search.model;
  if (search.parent && kind === "train") base.parent = search.parent;
  if (search.file && kind === "train")
    base.data = {
      ...(base.data as Spec | undefined),
      source: "file",
      file: search.file,
      ...(search.rows ? { num_rows: search.rows } : {}),
    };
  return base;
}

export const fieldsByKind = (schema: SpecSchema): Record<JobKind, FormField[]> =>
  Object.fromEntries(
    KINDS.map((kind) => [kind, fieldsOrdered(kind, formFields(schema.kinds[kind]))]),
  ) as Record<JobKind, FormField[]>;

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

/** The spec's rows, where a job of its kind draws any. */
export function dataOf(spec: Spec): Spec | null {
  const data = spec.data;
  return data && typeof data === "object" ? (data as Spec) : null;
}
