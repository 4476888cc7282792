/** How often a schedule starts, in a person's units, and back. Pure. */
import { a } from "../strings";

export const UNITS = ["minute", "hour", "day", "week"] as const;
export type Unit = (typeof UNITS)[number];

const SECONDS: Record<Unit, number> = { minute: 60, hour: 3_600, day: 86_400, week: 604_800 };
/** The server's own bounds: a tick a minute, and what its column holds. */
export const EVERY_SECONDS_MIN = 60;
const EVERY_SECONDS_MAX = 2_147_483_647;

/** Null for what is no whole number of units, or out of bounds. */
export function everySeconds(number: string, unit: Unit): number | null {
  if (!/^\d{1,7}$/.test(number.trim())) return null;
  const seconds = Number(number) * SECONDS[unit];
  return seconds >= EVERY_SECONDS_MIN && seconds <= EVERY_SECONDS_MAX ? seconds : null;
}

/** "every day", "2 hours": by the largest unit that leaves no rest. */
export function everyWords(seconds: number): string {
  const unit = UNITS.findLast((one) => seconds % SECONDS[one] === 0);
  if (!unit) return `${seconds} s`;
  const number = seconds / SECONDS[unit];
  return number === 1 ? a.schedules.unitsOne[unit] : `${number} ${a.schedules.units[unit]}`;
}

/** A local "2026-11-26T02:00" of a date field as an instant; undefined for none. */
export function firstAt(local: string): string | undefined {
  const at = local ? new Date(local) : null;
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
}
