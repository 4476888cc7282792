import { describe, expect, it } from "vitest";
import { everySeconds, everyWords, firstAt } from "./every";

describe("how often a schedule starts", () => {
  it.each([
    ["1", "minute", 60],
    ["12", "hour", 43_200],
    ["1", "week", 604_800],
    ["0", "day", null],
    ["1.5", "day", null],
    ["many", "day", null],
    ["9999999", "week", null],
  ] as const)("%s %s is %s seconds", (number, unit, seconds) =>
    expect(everySeconds(number, unit)).toBe(seconds),
  );
  it.each([
    [60, "minute"],
    [7_200, "2 hours"],
    [86_400, "day"],
    [90, "90 s"],
    [1_209_600, "2 weeks"],
  ])("%i seconds are said as %s", (seconds, words) => expect(everyWords(seconds)).toBe(words));
  it("takes a local time as an instant, and none as none", () => {
    expect(firstAt("")).toBeUndefined();
    expect(firstAt("2026-11-26T02:00")).toBe(new Date(2026, 10, 26, 2).toISOString());
  });
});
