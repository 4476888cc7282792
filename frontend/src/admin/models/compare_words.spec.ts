import { describe, expect, it } from "vitest";
import type { ComparedRow, Report } from "../api_types";
import { familiesSorted, pairOf, pointsWords } from "./compare_words";

const share = { right: 1, n: 2, share: 0.5, interval_low: 0.2, interval_high: 0.8 };
const row = (name: string, verdict: ComparedRow["verdict"], difference: number): ComparedRow => ({
  name,
  a: share,
  b: share,
  difference,
  difference_low: difference - 0.1,
  difference_high: difference + 0.1,
  verdict,
});
const report = (id: number, model: string, problems: string) =>
  ({ id, model, problems_sha256: problems }) as Report;

describe("a comparison", () => {
  it("says differences in points of a hundred", () => {
    expect(pointsWords(0.042)).toBe("+4.2");
    expect(pointsWords(-0.1)).toBe("−10.0");
    expect(pointsWords(0)).toBe("0.0");
  });
  it("puts what got worse first", () => {
    const rows = [
      row("c", "same", 0),
      row("b", "better", 0.2),
      row("a", "worse", -0.2),
      row("z", "worse", -0.4),
    ];
    expect(familiesSorted(rows).map((one) => one.name)).toEqual(["z", "a", "b", "c"]);
  });
  it("pairs reports of the same problems before newer ones of others", () => {
    const reports = [
      report(5, "new", "B"),
      report(4, "new", "A"),
      report(3, "old", "C"),
      report(2, "old", "A"),
    ];
    expect(pairOf(reports, "new", "old")?.map((one) => one.id)).toEqual([2, 4]);
    expect(pairOf(reports, "new", "nobody")).toBeNull();
  });
});
