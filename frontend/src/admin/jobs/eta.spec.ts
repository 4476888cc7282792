import { describe, expect, it } from "vitest";
import { etaRange, rangeWords, secondsWords } from "./eta";
import type { Point } from "./job_log";

const points = (secondsEach: number[]): Point[] => {
  let atMs = 0;
  return secondsEach.map((seconds, index) => {
    atMs += seconds * 1_000;
    return { step: index + 1, atMs, values: {} };
  });
};

describe("how much is left", () => {
  it("is a range between the quicker and the slower steps", () => {
    const range = etaRange(points([1, 1, 2, 1, 2, 2, 1, 2, 1, 2]), 20, null);
    expect(range?.lowSeconds).toBeCloseTo(10);
    expect(range?.highSeconds).toBeCloseTo(20);
  });
  it("is nothing at the end, and unknown before there is a pace", () => {
    expect(etaRange(points([1, 1]), 2, 5)).toEqual({ lowSeconds: 0, highSeconds: 0 });
    expect(etaRange(points([1, 1]), 20, null)).toBeNull();
    expect(etaRange(points([1, 1]), 20, 100)?.highSeconds).toBeGreaterThan(100);
  });
  it.each([
    [1_260, 1_560, "21 to 26 min"],
    [40, 55, "40 to 55 s"],
    [7_560, 9_360, "2.1 to 2.6 h"],
    [600, 601, "10 min"],
  ])("%i to %i s is said as %s", (lowSeconds, highSeconds, words) =>
    expect(rangeWords({ lowSeconds, highSeconds })).toBe(words),
  );
  it.each([
    [3, "3 s"],
    [240, "4 min"],
    [9_000, "2.5 h"],
    [400_000, "5 d"],
  ])("%i s is said as %s", (seconds, words) => expect(secondsWords(seconds)).toBe(words));
});
