import { expect, it } from "vitest";
import { monthDays } from "./periods";

const NOW = new Date("2026-01-15T23:30:00Z");

it("begins this month on its first and leaves its end open", () =>
  expect(monthDays("month", NOW)).toEqual({ from: "2026-01-01", to: "" }));
it("takes the whole month before, over the year's end", () =>
  expect(monthDays("before", NOW)).toEqual({ from: "2025-12-01", to: "2025-12-31" }));
it("leaves all of it open", () => expect(monthDays("all", NOW)).toEqual({ from: "", to: "" }));
