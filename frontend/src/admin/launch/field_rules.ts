/**
 * Which settings a form leads with, and which mean something beside the others: the one table of both. A field that
 * means nothing is neither shown nor sent, so the server takes its default. Pure.
 *
 * Not here: bounds (the schema's) and refusals (the spec's own, on the server). A path that a spec lacks is no fault:
 * the table follows the specs, it does not mirror them.
 */
import type { JobKind } from "../api_types";
import type { FormField, FormValues } from "./schema_form";

/** The fields that decide what a job is; the rest stands behind "All settings". */
const LEADING: Record<string, string[]> = {
  train: [
    "objective",
    "model_size",
    "parent",
    "teacher",
    "lora",
    "lora.rank",
    "lora.alpha",
    "num_steps",
    "epochs",
    "batch_tokens",
    "checkpoint_steps",
    "data.source",
    "data.num_rows",
    "data.families",
    "dpo_beta",
    "distill_temperature",
    "distill_share",
  ],
  evaluate: ["model", "suites", "mode", "verifier", "num_samples", "num_problems", "families"],
  generate: ["data.num_rows", "data.families", "data.seed_start"],
  export: ["model", "dtype"],
  quantize: ["model", "bits", "group_size"],
  import: ["source", "folder", "artifact", "name", "licence"],
};

const isAt =
  (path: string, ...wanted: (string | boolean)[]) =>
  (values: FormValues) =>
    values[path] === undefined || wanted.includes(values[path]);
const isFilled = (path: string) => (values: FormValues) => values[path] !== undefined && values[path] !== "";
const isNumberAbove = (path: string, least: number) => (values: FormValues) => Number(values[path]) > least;

/** The first rule whose pattern a path matches decides; a path without a rule always means something. */
const MEANT: readonly [kind: string, pattern: RegExp, isMeant: (values: FormValues) => boolean][] = [
  ["*", /^data\.families$/, isAt("data.source", "families")],
  ["*", /^data\.seed_start$/, isAt("data.source", "families", "mixture")],
  ["*", /^data\.files$/, isAt("data.source", "mixture")],
  ["*", /^data\.layout$/, isAt("data.source", "file", "mixture")],
  ["generate", /^endpoint\.(?!address$)/, isFilled("endpoint.address")],
  ["train", /^model_size$/, (values) => !isFilled("parent")(values)],
  ["train", /^teacher$|^distill_/, isAt("objective", "distill")],
  ["train", /^dpo_/, isAt("objective", "dpo")],
  ["train", /^lora\.(?!rank$)/, isNumberAbove("lora.rank", 0)],
  ["train", /^muon_/, isAt("optimizer", "muon")],
  ["train", /^weight_dtype$|^is_stepping_early$/, isAt("optimizer", "adamw8bit")],
  ["import", /^folder$/, isAt("source", "folder")],
  ["import", /^artifact$/, isAt("source", "artifact")],
  ["evaluate", /^(mode|num_samples|data\.file)$/, isFilled("suites")],
  ["evaluate", /^(families|is_held_out_wording)$/, (values) => !isFilled("suites")(values)],
];

/** The fields that mean something beside what the others are set to. */
export function fieldsMeant(kind: JobKind, fields: FormField[], values: FormValues): FormField[] {
  return fields.filter((field) => {
    const rule = MEANT.find(([of, pattern]) => (of === "*" || of === kind) && pattern.test(field.path));
    return !rule || rule[2](values);
  });
}

/** A stored file has a choice of its own (FilePicker.tsx), which knows the files' names. */
export const FILE_PATH = "data.file";

/** Whether rows come from a stored file, which is then chosen. */
export const isOfFile = (kind: JobKind, values: FormValues): boolean =>
  kind === "evaluate" ? FILE_PATH in values && isFilled("suites")(values) : values["data.source"] === "file";

/** Fields in the order a reader decides them: the leading ones first, as they are listed. */
export function fieldsOrdered(kind: JobKind, fields: FormField[]): FormField[] {
  const leading = LEADING[kind] ?? [];
  const place = (field: FormField) => {
    const index = leading.indexOf(field.path);
    return index === -1 ? leading.length : index;
  };
  return [...fields].sort((one, other) => place(one) - place(other));
}

/** Of a kind that the table does not know, every field leads. */
export const isLeading = (kind: JobKind, field: FormField): boolean =>
  !LEADING[kind] || LEADING[kind].includes(field.path) || field.isRequired;
