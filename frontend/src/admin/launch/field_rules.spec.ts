import { describe, expect, it } from "vitest";
import { fieldsMeant, fieldsOrdered, isLeading, isOfFile } from "./field_rules";
import type { FormField } from "./schema_form";

const fieldsOf = (...paths: string[]) => paths.map((path) => ({ path, isRequired: false }) as FormField);
const pathsOf = (fields: FormField[]) => fields.map(({ path }) => path);

const TRAIN = fieldsOf(
  "objective",
  "teacher",
  "distill_share",
  "dpo_beta",
  "lora.rank",
  "lora.alpha",
  "data.source",
  "data.file",
  "data.families",
  "seed",
);
const PLAIN = { objective: "sft", "lora.rank": "0", "data.source": "families" };
const asked = (values: Record<string, string>) =>
  pathsOf(fieldsMeant("train", TRAIN, { ...PLAIN, ...values }));

describe("which settings mean something", () => {
  it("are a teacher's for distillation alone, and beta for preferences alone", () => {
    expect(asked({})).not.toContain("teacher");
    expect(asked({ objective: "distill" })).toEqual(expect.arrayContaining(["teacher", "distill_share"]));
    expect(asked({ objective: "dpo" })).toContain("dpo_beta");
    expect(asked({ objective: "distill" })).not.toContain("dpo_beta");
  });

  it("are an adapter's once it has a rank", () => {
    expect(asked({})).toContain("lora.rank");
    expect(asked({})).not.toContain("lora.alpha");
    expect(asked({ "lora.rank": "16" })).toContain("lora.alpha");
  });

  it("are the families where rows come from them", () => {
    expect(asked({})).toContain("data.families");
    expect(asked({ "data.source": "file" })).not.toContain("data.families");
  });

  it("are a suite's mode and samples once a suite is named, and families until then", () => {
    const fields = fieldsOf("model", "suites", "mode", "num_samples", "families");
    const named = (suites: string) => pathsOf(fieldsMeant("evaluate", fields, { suites }));
    expect(named("")).toEqual(["model", "suites", "families"]);
    expect(named("gsm8k")).toEqual(["model", "suites", "mode", "num_samples"]);
  });

  it("are all of them where the table has no rule, and of a spec that lacks what a rule looks at", () => {
    expect(pathsOf(fieldsMeant("train", fieldsOf("seed", "muon_learning_rate"), {}))).toHaveLength(2);
  });
});

describe("a model's size", () => {
  it("is the parent's where there is one", () => {
    const sizes = fieldsOf("model_size", "parent");
    expect(pathsOf(fieldsMeant("train", sizes, { model_size: "nano", parent: "another" }))).toEqual([
      "parent",
    ]);
    expect(fieldsMeant("train", sizes, { model_size: "nano", parent: "" })).toHaveLength(2);
  });
});

describe("a stored file", () => {
  it("is asked for where rows come from one", () => {
    expect(isOfFile("train", { "data.source": "file" })).toBe(true);
    expect(isOfFile("train", PLAIN)).toBe(false);
  });

  it("is a suite's rows in an evaluation, which may do without", () => {
    expect(isOfFile("evaluate", { "data.file": "", suites: "gsm8k" })).toBe(true);
    expect(isOfFile("evaluate", { "data.file": "", suites: "" })).toBe(false);
  });
});

describe("the order", () => {
  it("puts first what a reader decides first, and leads with everything of an unknown kind", () => {
    expect(pathsOf(fieldsOrdered("train", fieldsOf("seed", "num_steps", "objective")))).toEqual([
      "objective",
      "num_steps",
      "seed",
    ]);
    const [field] = fieldsOf("anything");
    expect(field && isLeading("other" as never, field)).toBe(true);
    expect(field && isLeading("train", field)).toBe(false);
  });
});
