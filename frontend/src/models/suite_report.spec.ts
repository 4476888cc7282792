import { describe, expect, it } from "vitest";
import { SUITE_CARD } from "../dev/sample_reports";
import { figuresOf, isOfSuites } from "./suite_report";

const [sampled, once] = SUITE_CARD.families ?? [];
if (!sampled || !once) throw new Error("the sample has two suites");

describe("a report of suites", () => {
  it("is told from one of families by its mode", () => {
    expect(isOfSuites(SUITE_CARD)).toBe(true);
    expect(isOfSuites({ families: [] })).toBe(false);
  });

  it("says first what was asked, then each way of choosing among the samples, k growing", () => {
    expect(figuresOf(sampled).map(({ name }) => name)).toEqual([
      "as asked",
      "pass@2",
      "pass@4",
      "maj@2",
      "maj@4",
      "verifier@2",
      "verifier@4",
    ]);
  });

  it("leaves out what was not measured, and one sample that repeats what was asked", () => {
    expect(figuresOf(once).map(({ name }) => name)).toEqual(["as asked"]);
    const unscored = { ...sampled, of_samples: { "pass@2": null } };
    expect(figuresOf(unscored).map(({ name }) => name)).toEqual(["as asked"]);
  });
});
