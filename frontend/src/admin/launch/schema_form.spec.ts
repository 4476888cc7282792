import { describe, expect, it } from "vitest";
import { formFields, formRead, formValues, type JsonSchema, pathOfParam, pathsChanged } from "./schema_form";

const schema: JsonSchema = {
  type: "object",
  required: ["model"],
  $defs: {
    DataSpec: {
      type: "object",
      properties: {
        source: { type: "string", enum: ["families", "file"], default: "families" },
        families: { type: "array", items: { type: "string" }, default: [], maxItems: 2 },
        num_rows: { type: "integer", minimum: 1, maximum: 100, default: 20 },
      },
    },
    LoraSpec: {
      type: "object",
      required: ["rank"],
      properties: {
        rank: { type: "integer", minimum: 1 },
        targets: { type: "array", items: { enum: ["q", "k", "v"] }, minItems: 1, default: ["q", "v"] },
      },
    },
  },
  properties: {
    kind: { const: "train", default: "train", type: "string" },
    model: { type: "string", maxLength: 8, description: "A name" },
    parent: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    data: { $ref: "#/$defs/DataSpec", default: { source: "families", families: [], num_rows: 50 } },
    learning_rate: { type: "number", exclusiveMinimum: 0, maximum: 1, default: 0.01 },
    bits: { type: "integer", enum: [4, 8], default: 8 },
    is_autocast: { type: "boolean", default: true },
    lora: { anyOf: [{ $ref: "#/$defs/LoraSpec" }, { type: "null" }], default: null },
    mixture: { type: "array", items: { type: "object" }, default: [] },
    layout: { anyOf: [{ enum: ["gsm8k", "sft"] }, { type: "null" }], default: null },
  },
};
const fields = formFields(schema);
const values = formValues(fields, { model: "nano" });
const read = (changes: Record<string, string | boolean>) =>
  formRead("train", fields, { ...values, ...changes });

describe("the launch form", () => {
  it("has a field for each of the schema's, nested ones by path, and none for the kind", () => {
    expect(fields.map((field) => [field.path, field.kind])).toEqual([
      ["model", "text"],
      ["parent", "text"],
      ["data.source", "choice"],
      ["data.families", "words"],
      ["data.num_rows", "integer"],
      ["learning_rate", "number"],
      ["bits", "choice"],
      ["is_autocast", "boolean"],
      ["lora", "group"],
      ["lora.rank", "integer"],
      ["lora.targets", "choices"],
      ["mixture", "json"],
      ["layout", "choice"],
    ]);
    expect(fields[0]).toMatchObject({ label: "Model", hint: "A name", isRequired: true });
  });

  it("takes the defaults of the object that a field is in, then the spec's own", () => {
    expect(values["data.num_rows"]).toBe("50");
    expect(formValues(fields, { data: { num_rows: 7 } })["data.num_rows"]).toBe("7");
  });

  it("is the spec again", () => {
    expect(read({})).toEqual({
      errors: {},
      spec: {
        kind: "train",
        model: "nano",
        parent: null,
        data: { source: "families", families: [], num_rows: 50 },
        learning_rate: 0.01,
        bits: 8,
        is_autocast: true,
        lora: null,
        mixture: [],
        layout: null,
      },
    });
  });

  it("asks for an optional object's settings while it is there, and sends null while it is not", () => {
    expect(read({ lora: true }).errors).toEqual({ "lora.rank": "Fill this in." });
    expect(read({ lora: true, "lora.rank": "8" }).spec.lora).toEqual({ rank: 8, targets: ["q", "v"] });
    expect(read({ lora: false, "lora.rank": "no number" })).toMatchObject({
      errors: {},
      spec: { lora: null },
    });
    expect(formValues(fields, { lora: { rank: 4 } })).toMatchObject({
      lora: true,
      "lora.rank": "4",
      "lora.targets": "q, v",
    });
  });

  it("lets stay empty what begins empty", () => {
    const named = formFields({ properties: { licence: { type: "string", default: "" } } });
    expect(formRead("import", named, { licence: " " })).toMatchObject({ errors: {}, spec: { licence: "" } });
  });

  it("takes what it has no field for as JSON", () => {
    expect(read({ mixture: '[{"weight": 2}]' }).spec.mixture).toEqual([{ weight: 2 }]);
    expect(read({ mixture: "two" }).errors).toEqual({ mixture: "Write JSON, such as [] or {}." });
  });

  it.each([
    ["data.num_rows", "0", "At least 1."],
    ["data.num_rows", "1.5", "Write a whole number."],
    ["data.num_rows", "many", "Write a number."],
    ["data.num_rows", "", "Fill this in."],
    ["learning_rate", "0", "More than 0."],
    ["learning_rate", "2", "At most 1."],
    ["model", "", "Fill this in."],
    ["model", "much too long", "At most 8 characters."],
    ["data.families", "a, b, c", "At most 2."],
    ["bits", "5", "One of: 4, 8."],
  ])("refuses %s = %j", (path, text, error) =>
    expect(read({ [path]: text }).errors).toEqual({ [path]: error }),
  );

  it("reads lists, thousands and powers of ten as people write them", () => {
    const { spec } = read({ "data.families": "gcd  primes", "data.num_rows": "1e2", learning_rate: "3e-4" });
    expect(spec).toMatchObject({
      data: { families: ["gcd", "primes"], num_rows: 100 },
      learning_rate: 0.0003,
    });
    expect(formRead("train", fields, { ...values, "data.num_rows": "1,000" }).errors["data.num_rows"]).toBe(
      "At most 100.",
    );
  });

  it("says what a clone changes, and which field the server's refusal is of", () => {
    expect(pathsChanged(fields, { ...values, bits: "4" }, values)).toEqual(["bits"]);
    expect(pathOfParam(fields, "spec.data.num_rows")).toBe("data.num_rows");
    expect(pathOfParam(fields, "spec.train.bits")).toBe("bits");
    expect(pathOfParam(fields, "priority")).toBeNull();
  });
});
