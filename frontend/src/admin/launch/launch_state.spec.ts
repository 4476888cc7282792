import { describe, expect, it } from "vitest";
import type { SpecSchema } from "../api_types";
import { jobOf, SPEC } from "../sample_jobs";
import {
  begunWith,
  dataOf,
  dollarsOf,
  specFirst,
  TERMS_FIRST,
  termsFirst,
  termsOf,
  termsRead,
} from "./launch_state";

const schema: SpecSchema = {
  kinds: { train: {}, evaluate: { properties: { model: { type: "string" } } } } as Partial<
    SpecSchema["kinds"]
  > as SpecSchema["kinds"],
  presets: [{ name: "Quick", kind: "train", description: "", spec: { kind: "train", num_steps: 100 } }],
};

describe("what a launch begins with", () => {
  it("is a preset of the same kind", () => {
    expect(specFirst({ preset: "Quick" }, "train", schema, null)).toEqual({ kind: "train", num_steps: 100 });
    expect(specFirst({ preset: "Quick" }, "evaluate", schema, null)).toEqual({});
  });
  it("is the job it clones, going on from a checkpoint that the address names", () => {
    const first = specFirst({ clone: "job_sample", parent: "job_sample:50" }, "train", schema, jobOf());
    expect(first).toEqual({ ...SPEC, parent: "job_sample:50" });
    expect(SPEC.parent).toBe("svend-nano");
  });
  it("draws every row of the data file that the address names", () =>
    expect(specFirst({ file: "ab12", rows: 40 }, "train", schema, null)).toEqual({
      data: { source: "file", file: "ab12", num_rows: 40 },
    }));
  it("names the address's model only where the spec has one", () =>
    expect(specFirst({ model: "job_sample:50" }, "train", schema, null)).toEqual({}));
  it("is an evaluation on the data file that the address names", () =>
    expect(specFirst({ file: "ab12", rows: 40 }, "evaluate", schema, null)).toEqual({
      data: { file: "ab12" },
    }));
  it("is an evaluation of the checkpoint that the address names", () =>
    expect(specFirst({ model: "job_sample:50" }, "evaluate", schema, null)).toEqual({
      model: "job_sample:50",
    }));
});

describe("rows that can be looked at", () => {
  it.each([
    [{ data: { source: "families" } }, true],
    [{ data: { source: "file", file: null } }, false],
    [{ data: { source: "file", file: "ab12" } }, true],
    [{ data: { file: "ab12" } }, false],
    [{}, false],
  ])("of %j: %s", (spec, isThere) => expect(dataOf(spec) !== null).toBe(isThere));
});

describe("another beginning", () => {
  it("keeps the model and the file that the address names", () => {
    const search = { kind: "evaluate", model: "svend-nano", file: "ab12", clone: "job_sample" };
    const next = begunWith(search, "train", "Quick");
    expect(next).toMatchObject({ kind: "train", preset: "Quick", model: "svend-nano", file: "ab12" });
    expect(next.clone).toBeUndefined();
  });
});

describe("a job's terms", () => {
  it("leave the name out where another model is asked the same", () => {
    const clone = jobOf({ name: "evaluate one", priority: 3 });
    expect(termsFirst({ clone: clone.id }, clone).name).toBe("evaluate one");
    expect(termsFirst({ clone: clone.id, model: "other" }, clone)).toMatchObject({ name: "", priority: "3" });
  });
  it("are those of the job it clones", () => {
    const typed = termsOf(
      jobOf({ budget_nano_usd: 2_500_000_000, priority: 3, wanted_node_names: ["gpu-1"] }),
    );
    expect(typed).toMatchObject({ budget: "2.50", priority: "3", nodes: ["gpu-1"] });
    expect(termsRead(typed)).toMatchObject({
      errors: {},
      terms: { budget_nano_usd: 2_500_000_000, priority: 3, node_names: ["gpu-1"] },
    });
  });
  it.each([
    ["budget", "five"],
    ["budget", "0"],
    ["priority", "1.5"],
    ["priority", "101"],
    ["retries", "-1"],
  ])("refuse %s = %s", (name, text) =>
    expect(termsRead({ ...TERMS_FIRST, [name]: text }).errors).toEqual({ [name]: true }),
  );
  it.each([
    [500_000_000, "0.50"],
    [12_000_000_000, "12.00"],
    [1, "0.000000001"],
  ])("say %i nano-dollars as %s", (nano, words) => expect(dollarsOf(nano)).toBe(words));
});
