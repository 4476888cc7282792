import { describe, expect, it } from "vitest";
import { argumentsText, fieldsOf } from "./arguments";

const SCHEMA = {
  type: "object",
  properties: {
    operation: { type: "string", enum: ["solve", "factor"], description: "what to do" },
    expression: { type: "string" },
    code: { type: "string" },
    order: { type: "integer", default: 0 },
    steps: { type: "boolean", default: false },
    constraints: { type: "array", items: { type: "string" } },
    point: { type: "object" },
  },
  required: ["operation", "expression"],
};
const FIELDS = fieldsOf(SCHEMA);

describe("a tool's arguments", () => {
  it("become a field each, of the kind that its schema asks for", () => {
    expect(FIELDS.map((field) => field.kind)).toEqual([
      "choice",
      "text",
      "code",
      "number",
      "flag",
      "lines",
      "json",
    ]);
    expect(FIELDS.filter((field) => field.isRequired).map((field) => field.name)).toEqual([
      "operation",
      "expression",
    ]);
  });

  it("are sent as the schema's types, without what was left alone", () => {
    const values = {
      expression: "x^2",
      order: "3",
      steps: "true",
      constraints: "a\n\n b ",
      point: '{"x": 1}',
    };
    expect(JSON.parse(argumentsText(FIELDS, values))).toEqual({
      operation: "solve",
      expression: "x^2",
      order: 3,
      steps: true,
      constraints: ["a", " b "],
      point: { x: 1 },
    });
    expect(argumentsText(FIELDS, { expression: "1" })).toBe('{"operation":"solve","expression":"1"}');
  });

  it("that are no JSON where JSON is wanted are not sent", () => {
    expect(() => argumentsText(FIELDS, { expression: "1", point: "{" })).toThrow(SyntaxError);
  });
});
