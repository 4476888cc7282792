import { expect, it } from "vitest";
import { daysFilled, scaleOf } from "./days";

it("fills the days without a run", () => {
  const days = daysFilled([], "2026-02-27", "2026-03-02");
  expect(days.map((day) => day.day)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
});

it.each([
  [747_000, 800_000],
  [9, 10],
  [1_000, 1_000],
  [0, 1],
])("scales %i to a round %i", (most, top) => expect(scaleOf(most).top).toBe(top));
