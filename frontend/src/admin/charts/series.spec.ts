import { describe, expect, it } from "vitest";
import { aligned, curveOf, seriesOf, tableRows, VIEW_FIRST, valueWords } from "./series";
import { envelope, smoothed } from "./smoothing";

const points = Array.from({ length: 10 }, (_, step) => ({
  step,
  atMs: step * 60_000,
  values: { loss: 10 - step } as Record<string, number>,
}));

describe("smoothing", () => {
  it("does not pull the first points to 0", () => expect(smoothed([4, 4, 4], 0.9)).toEqual([4, 4, 4]));
  it("of weight 0 is the raw series", () => expect(smoothed([1, 5, 2], 0)).toEqual([1, 5, 2]));
  it("passes by what is not finite", () => {
    const ys = smoothed([2, Number.NaN, 2], 0.5);
    expect(ys[1]).toBeNaN();
    expect(ys[2]).toBe(2);
  });
});

describe("thinning", () => {
  it("keeps every spike and the last point", () => {
    const ys = Array.from({ length: 10_000 }, (_, index) =>
      index === 4_321 ? 99 : index === 7_000 ? -99 : 1,
    );
    const thin = envelope({ xs: ys.map((_, index) => index), ys }, 200);
    expect(thin.xs.length).toBeLessThanOrEqual(202);
    expect(thin.ys).toContain(99);
    expect(thin.ys).toContain(-99);
    expect(thin.xs.at(-1)).toBe(9_999);
    expect([...thin.xs].sort((a, b) => a - b)).toEqual(thin.xs);
  });
});

describe("a chart's series", () => {
  it("goes over steps or over minutes", () => {
    expect(seriesOf(points, "loss", VIEW_FIRST).xs).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(seriesOf(points, "loss", { ...VIEW_FIRST, xAxis: "time" }).xs.at(-1)).toBe(9);
  });
  it("leaves out what a logarithm has no place for", () => {
    expect(seriesOf(points, "loss", { ...VIEW_FIRST, isLogX: true }).xs[0]).toBe(1);
    const zero = [{ step: 1, atMs: 0, values: { loss: 0 } }];
    expect(seriesOf(zero, "loss", { ...VIEW_FIRST, isLogY: true }).xs).toEqual([]);
  });
  it("smooths what is drawn and keeps the raw values", () => {
    const curve = curveOf("job", points, "loss", { ...VIEW_FIRST, smoothing: 0.9 });
    expect(curve.raw.ys[9]).toBe(1);
    expect(curve.calm.ys[9]).toBeGreaterThan(4);
  });
  it("stands on one axis with others", () => {
    expect(
      aligned([
        { xs: [1, 3], ys: [5, 6] },
        { xs: [2, 3], ys: [7, 8] },
      ]),
    ).toEqual([
      [1, 2, 3],
      [5, null, 6],
      [null, 7, 8],
    ]);
  });
  it("is a table of at most 101 rows that ends with the last", () => {
    const many = Array.from({ length: 1_234 }, (_, step) => ({ step, atMs: 0, values: { loss: step } }));
    const rows = tableRows(many, ["loss"]);
    expect(rows.length).toBeLessThanOrEqual(101);
    expect(rows.at(-1)?.step).toBe(1_233);
  });
  it.each([
    [0.4182, "0.418"],
    [0.00012, "1.2e-4"],
    [6930.4, "6,930"],
    [0, "0"],
    [12.345, "12.3"],
  ])("says %f as %s", (value, words) => expect(valueWords(value)).toBe(words));
});
