/** A tool's arguments as a form: fields from its JSON schema, and the JSON text that a model would have written. */

export type FieldKind = "choice" | "flag" | "number" | "lines" | "code" | "text" | "json";

export interface ArgumentField {
  name: string;
  kind: FieldKind;
  description: string;
  isRequired: boolean;
  choices: string[];
  initial: string; // of a flag "true" or "false"
}

interface Property {
  type?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  items?: { type?: string };
}

const CODE_NAMES = new Set(["code", "smtlib"]); // programs want room and a fixed width

export function fieldsOf(schema: Record<string, unknown>): ArgumentField[] {
  const properties = (schema.properties ?? {}) as Record<string, Property>;
  const required = new Set((schema.required ?? []) as string[]);
  return Object.entries(properties).map(([name, property]) => {
    const kind = kindOf(name, property);
    return {
      name,
      kind,
      description: property.description ?? "",
      isRequired: required.has(name),
      choices: (property.enum ?? []).map(String),
      initial: initialOf(kind, property),
    };
  });
}

function kindOf(name: string, property: Property): FieldKind {
  if (property.enum) return "choice";
  if (property.type === "boolean") return "flag";
  if (property.type === "integer" || property.type === "number") return "number";
  if (property.type === "array" && property.items?.type === "string") return "lines";
  if (property.type === "string") return CODE_NAMES.has(name) ? "code" : "text";
  return "json";
}

function initialOf(kind: FieldKind, property: Property): string {
  if (kind === "choice") return String(property.default ?? property.enum?.[0] ?? "");
  if (kind === "flag") return String(property.default === true);
  return "";
}

/** The JSON text of what was filled in; what was left as it was is left out. Throws SyntaxError for JSON that is none. */
export function argumentsText(fields: ArgumentField[], values: Record<string, string>): string {
  const given: Record<string, unknown> = {};
  for (const field of fields) {
    const value = values[field.name] ?? field.initial;
    if (!field.isRequired && value === field.initial) continue;
    given[field.name] = typed(field, value);
  }
  return JSON.stringify(given);
}

function typed(field: ArgumentField, value: string): unknown {
  switch (field.kind) {
    case "flag":
      return value === "true";
    case "number":
      return Number(value);
    case "lines":
      return value.split("\n").filter((line) => line.trim());
    case "json":
      return JSON.parse(value);
    default:
      return value;
  }
}

/** What the form shows at first, so that a try is one press away. */
export const EXAMPLES: Record<string, Record<string, string>> = {
  execute_python: {
    code: "cubes = {}\nfor a in range(1, 20):\n    for b in range(a, 20):\n        cubes.setdefault(a**3 + b**3, []).append((a, b))\nmin((n, ways) for n, ways in cubes.items() if len(ways) > 1)",
  },
  symbolic_math: { operation: "differentiate", expression: "x^3 + 2x" },
  logic_solver: { constraints: "ann -> not bob\nbob <-> (ann and bob)", task: "model" },
};
