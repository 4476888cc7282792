import { describe, expect, it } from "vitest";
import { dollarsToNano } from "../keys/dollars";
import { balance, change, countShort, duration, exact, money, nanoToDollars } from "./numbers";

describe("money", () => {
  it.each([
    [0, "$0.00"],
    [636_000, "$0.000636"],
    [747_000, "$0.000747"],
    [3_000, "$0.000003"],
    [1, "$0.000000001"],
    [10_000_000, "$0.01"],
    [9_840_000_000, "$9.84"],
    [3_000_000_000, "$3.00"],
    [1_234_567_890_000, "$1,234.57"],
    [-636_000, "−$0.000636"],
  ])("%i nano-dollars is %s", (nano, text) => expect(money(nano)).toBe(text));

  it("never rounds a balance up", () => expect(balance(9_849_999_999)).toBe("$9.84"));
  it("shows what is left below a cent", () => expect(balance(636_000)).toBe("$0.000636"));
});

describe("dollars as typed", () => {
  it.each([
    ["5", 5_000_000_000],
    ["0.50", 500_000_000],
    ["$1.000000001", 1_000_000_001],
    ["", null],
    ["1e3", null],
    ["-1", null],
    ["1,5", null],
  ])("%j", (text, nano) => expect(dollarsToNano(text)).toBe(nano));
});

describe("dollars to edit", () => {
  it.each([
    [5_000_000_000, "5"],
    [500_000_000, "0.50"],
    [1_000_000_001, "1.000000001"],
    [0, "0"],
  ])("%i is %s, and back", (nano, text) => {
    expect(nanoToDollars(nano)).toBe(text);
    expect(dollarsToNano(text)).toBe(nano);
  });
  it.each([
    [104_998_920_000, "$104.99892"],
    [1_234_567_000_000_001, "$1,234,567.000000001"],
    [-7_000_000_000, "−$7.00"],
    [0, "$0.00"],
  ])("%i is exactly %s", (nano, text) => expect(exact(nano)).toBe(text));
  it("signs a change", () =>
    expect([change(5_000_000_000), change(-636_000)]).toEqual(["+$5.00", "−$0.000636"]));
});

describe("other numbers", () => {
  it.each([
    [0.4, "under 1 ms"],
    [11.2, "11 ms"],
    [1_240, "1.2 s"],
    [65_000, "1 min 5 s"],
  ])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));
  it("counts parameters", () =>
    expect([1_234_567, 13e9, 12].map(countShort)).toEqual(["1.23 M", "13 B", "12"]));
});
