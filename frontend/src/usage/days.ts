/** The days of a range, empty ones included, and the scale of their chart. Pure. */
import type { UsageDay } from "../api/types";
import { EMPTY_USAGE } from "../trace/trace";

const DAY_MS = 86_400_000;

export function daysFilled(days: UsageDay[], from: string, to: string): UsageDay[] {
  const known = new Map(days.map((day) => [day.day, day]));
  const filled: UsageDay[] = [];
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    filled.push(known.get(day) ?? { day, cost_nano_usd: 0, num_runs: 0, ...EMPTY_USAGE });
  }
  return filled;
}

/** A round number at or above `most`, and the hairlines below it: 1, 2 or 5 times a power of ten. */
export function scaleOf(most: number): { top: number; ticks: number[] } {
  if (most <= 0) return { top: 1, ticks: [] };
  const power = 10 ** Math.floor(Math.log10(most / 2));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => most / size <= 4) ?? 10 * power;
  const top = Math.ceil(most / step) * step;
  return { top, ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step) };
}
