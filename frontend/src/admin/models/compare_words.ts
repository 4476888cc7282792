/** What a comparison says: differences in points, which reports belong together. Pure. */
import type { ComparedRow, Report, ShareRow } from "../api_types";

/** "+4.2" points of 100; a true minus sign. */
export function pointsWords(share: number): string {
  const points = Math.round(share * 1000) / 10;
  if (points === 0) return "0.0";
  return `${points > 0 ? "+" : "−"}${Math.abs(points).toFixed(1)}`;
}

export const percentWords = (share: ShareRow): string => (share.n ? (share.share * 100).toFixed(1) : "");

export const intervalWords = ({
  interval_low,
  interval_high,
}: Pick<ShareRow, "interval_low" | "interval_high">) =>
  `${(interval_low * 100).toFixed(0)}–${(interval_high * 100).toFixed(0)}`;

export const differenceInterval = (row: ComparedRow): string =>
  `${pointsWords(row.difference_low)} to ${pointsWords(row.difference_high)}`;

/** Families where the two differ most come first; the worse ones before the better. */
export function familiesSorted(rows: ComparedRow[]): ComparedRow[] {
  const rank = { worse: 0, better: 1, same: 2, unmeasured: 3 };
  return [...rows].sort(
    (one, other) => rank[one.verdict] - rank[other.verdict] || one.difference - other.difference,
  );
}

/** The pair that a reader most likely wants: the newest report of `version` and one of `other` on the same problems. */
export function pairOf(reports: Report[], version: string, other: string): [Report, Report] | null {
  const own = reports.filter((report) => report.model === version);
  const theirs = reports.filter((report) => report.model === other);
  for (const candidate of own) {
    const match = theirs.find((report) => report.problems_sha256 === candidate.problems_sha256);
    if (match) return [match, candidate];
  }
  return own[0] && theirs[0] ? [theirs[0], own[0]] : null;
}
