/**
 * A form out of a spec's JSON schema (pydantic's), so that a field added to the spec is a field of the form. Pure.
 * What is typed stays text until it is a spec; the bounds are the schema's, rules between fields are the server's.
 * Covers what the specs use: objects by $ref, also optional ones, scalars, choices, lists of words, lists of choices,
 * optional scalars. What fits none of these is a field of JSON, so that no setting is out of the form's reach.
 */

export interface JsonSchema {
  type?: string;
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  maxLength?: number;
  maxItems?: number;
  minItems?: number;
}

/** "group": whether an optional object is there at all; its own fields follow, and count only while it is. */
export type FieldKind =
  | "integer"
  | "number"
  | "text"
  | "boolean"
  | "choice"
  | "choices"
  | "words"
  | "group"
  | "json";

export interface FormField {
  /** "data.num_rows" */
  path: string;
  kind: FieldKind;
  label: string;
  hint: string;
  choices: string[];
  isOptional: boolean; // may be null
  isRequired: boolean; // has no default
  initial: unknown;
  schema: JsonSchema;
}

export type FormValues = Record<string, string | boolean>;
export type Spec = Record<string, unknown>;

const SPELT: Record<string, string> = { lora: "LoRA", dpo: "DPO", adamw: "AdamW", url: "URL" };

/** "muon_learning_rate" -> "Muon learning rate", "lora.rank" -> "LoRA rank"; rows' own settings go without "data". */
export function labelOf(path: string): string {
  const name = path
    .replace(/^data\./, "")
    .split(".")
    .join("_")
    .replace(/(^|_)is_/, "$1");
  const words = name
    .split("_")
    .map((word) => SPELT[word] ?? word)
    .join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function formFields(root: JsonSchema): FormField[] {
  return fieldsOf(root, root, "", {});
}

function fieldsOf(root: JsonSchema, schema: JsonSchema, prefix: string, defaults: Spec): FormField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const path = prefix + name;
    const node = given.$ref ? { ...refOf(root, given.$ref), default: given.default } : given;
    if (node.const !== undefined) return []; // the kind: it is said by the page, not asked
    const initial = name in defaults ? defaults[name] : node.default;
    const inside = node.properties ? node : optionalObject(root, node);
    const isRequired = initial === undefined && Boolean(schema.required?.includes(name));
    if (!inside) return [fieldOf(path, node, initial, isRequired)];
    const fields = fieldsOf(root, inside, `${path}.`, (initial as Spec | undefined) ?? {});
    if (inside === node) return fields;
    return [{ ...fieldOf(path, node, Boolean(initial), isRequired), kind: "group" }, ...fields];
  });
}

/** The object of "this object, or null". */
function optionalObject(root: JsonSchema, node: JsonSchema): JsonSchema | null {
  const ref = node.anyOf?.find((member) => member.$ref)?.$ref;
  const inside = ref ? refOf(root, ref) : null;
  return inside?.properties && node.anyOf?.some((member) => member.type === "null") ? inside : null;
}

function refOf(root: JsonSchema, ref: string): JsonSchema {
  const found = root.$defs?.[ref.split("/").at(-1) ?? ""];
  if (!found) throw new Error(`the schema lacks ${ref}`);
  return found;
}

function fieldOf(path: string, node: JsonSchema, initial: unknown, isRequired: boolean): FormField {
  const isOptional = Boolean(node.anyOf?.some((member) => member.type === "null"));
  const inner = node.anyOf?.find((member) => member.type !== "null") ?? node;
  return {
    path,
    kind: kindOf(inner),
    label: labelOf(path),
    hint: node.description ?? "",
    choices: (inner.enum ?? inner.items?.enum ?? []).map(String),
    isOptional,
    isRequired,
    initial,
    schema: inner,
  };
}

function kindOf(schema: JsonSchema): FieldKind {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "integer" || schema.type === "number") return schema.type;
  if (schema.type === "string") return "text";
  if (schema.type === "array" && schema.items?.enum) return "choices";
  if (schema.type === "array" && schema.items?.type === "string") return "words";
  return "json";
}

// --- Values

function valueAt(spec: Spec, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (node, name) => (node && typeof node === "object" ? (node as Spec)[name] : undefined),
      spec,
    );
}

function shown(field: FormField, value: unknown): string | boolean {
  if (field.kind === "boolean" || field.kind === "group") return Boolean(value);
  if (field.kind === "json") return value === undefined ? "" : JSON.stringify(value);
  if (Array.isArray(value)) return value.join(", ");
  return value === null || value === undefined ? "" : String(value);
}

/** What the form shows of a spec; what the spec leaves out is the schema's default. */
export function formValues(fields: FormField[], spec: Spec): FormValues {
  return Object.fromEntries(
    fields.map((field) => {
      const value = valueAt(spec, field.path);
      return [field.path, shown(field, value === undefined ? field.initial : value)];
    }),
  );
}

export interface FormRead {
  spec: Spec;
  errors: Record<string, string>;
}

export function formRead(kind: string, fields: FormField[], values: FormValues): FormRead {
  const spec: Spec = { kind };
  const errors: Record<string, string> = {};
  for (const field of fields) {
    if (isInAbsentGroup(field, fields, values)) continue;
    if (field.kind === "group") {
      valueSet(spec, field.path, values[field.path] ? {} : null);
      continue;
    }
    const read = valueRead(field, values[field.path] ?? "");
    if ("error" in read) errors[field.path] = read.error;
    else valueSet(spec, field.path, read.value);
  }
  return { spec, errors };
}

/** Whether a field belongs to an optional object that is not there. */
export function isInAbsentGroup(field: FormField, fields: FormField[], values: FormValues): boolean {
  return fields.some(
    (group) => group.kind === "group" && field.path.startsWith(`${group.path}.`) && !values[group.path],
  );
}

function valueSet(spec: Spec, path: string, value: unknown): void {
  const names = path.split(".");
  const last = names.pop() ?? "";
  let node = spec;
  for (const name of names) {
    node[name] ??= {};
    node = node[name] as Spec;
  }
  node[last] = value;
}

type Read = { value: unknown } | { error: string };

export function valueRead(field: FormField, given: string | boolean): Read {
  if (typeof given === "boolean") return { value: given };
  const text = given.trim();
  if (field.kind === "words" || field.kind === "choices") return wordsRead(field, text);
  if (field.kind === "json") return jsonRead(text, field.isOptional);
  if (!text) {
    if (field.isOptional) return { value: null };
    if (field.initial === "") return { value: "" }; // left out is what it begins with
    return { error: "Fill this in." };
  }
  if (field.kind === "choice")
    return field.choices.includes(text)
      ? { value: field.schema.enum?.find((choice) => String(choice) === text) }
      : { error: `One of: ${field.choices.join(", ")}.` };
  if (field.kind === "text") {
    const most = field.schema.maxLength;
    return most !== undefined && text.length > most
      ? { error: `At most ${most} characters.` }
      : { value: text };
  }
  return numberRead(field, text);
}

function wordsRead(field: FormField, text: string): Read {
  const words = text
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter(Boolean);
  const { maxItems: most, minItems: least } = field.schema;
  if (most !== undefined && words.length > most) return { error: `At most ${most}.` };
  if (least !== undefined && words.length < least) return { error: `At least ${least}.` };
  return { value: words };
}

function jsonRead(text: string, isOptional: boolean): Read {
  if (!text && isOptional) return { value: null };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { error: "Write JSON, such as [] or {}." };
  }
}

function numberRead(field: FormField, text: string): Read {
  const { schema } = field;
  const value = Number(text.replaceAll(/(?<=\d)[, _](?=\d{3}\b)/g, ""));
  if (!Number.isFinite(value)) return { error: "Write a number." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { error: "Write a whole number." };
  if (schema.minimum !== undefined && value < schema.minimum) return { error: `At least ${schema.minimum}.` };
  if (schema.maximum !== undefined && value > schema.maximum) return { error: `At most ${schema.maximum}.` };
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
    return { error: `More than ${schema.exclusiveMinimum}.` };
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum)
    return { error: `Less than ${schema.exclusiveMaximum}.` };
  return { value };
}

/** The paths whose values differ from those of another spec: what a clone changes. */
export function pathsChanged(fields: FormField[], values: FormValues, other: FormValues): string[] {
  return fields.filter((field) => values[field.path] !== other[field.path]).map((field) => field.path);
}

/** A server's refusal names the field, with the spec's kind or without: the path that one is of, if any. */
export function pathOfParam(fields: FormField[], param: string | null): string | null {
  if (!param) return null;
  const bare = param.replace(/^spec\./, "");
  const paths = [bare, bare.slice(bare.indexOf(".") + 1)];
  return fields.find((field) => paths.includes(field.path))?.path ?? null;
}
