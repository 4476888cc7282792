/** The periods of a statement as days in UTC. Pure. */
import type { Days } from "../api/queries";
import { utcDay } from "../format/dates";

export const PERIODS = ["month", "before", "all"] as const;
export type PeriodName = (typeof PERIODS)[number];

export function monthDays(period: PeriodName, now: Date): Days {
  if (period === "all") return { from: "", to: "" };
  const months = period === "before" ? 1 : 0;
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1));
  const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months + 1, 0));
  return { from: utcDay(first), to: period === "before" ? utcDay(last) : "" };
}
