/** What a report of suites says, figure by figure: as asked, then out of several samples. Pure. */
import type { FamilyRow, MeasuredMean, ModelCard } from "../api/types";

export interface Figure {
  name: string; // "as asked", "pass@4", "maj@4", "verifier@4"
  measured: MeasuredMean;
}

export const AS_ASKED = "as asked";

/** Whether a card's table is of suites asked in one mode; families are asked in several at once. */
export const isOfSuites = (card: ModelCard): boolean => card.mode !== undefined;

/** The first sample's share, then pass@k, maj@k and verifier@k where each problem was answered more than once. */
export function figuresOf(row: FamilyRow): Figure[] {
  const asked: Figure = {
    name: AS_ASKED,
    measured: {
      n: row.n,
      share: row.with_tools,
      interval_low: row.interval_low,
      interval_high: row.interval_high,
    },
  };
  const sampled = Object.entries(row.of_samples ?? {}).flatMap(([name, measured]) =>
    measured && !name.endsWith("@1") ? [{ name, measured }] : [],
  );
  return [asked, ...sampled.sort((one, other) => kindOf(one.name) - kindOf(other.name))];
}

const KINDS = ["pass", "maj", "verifier"];
const kindOf = (name: string): number => KINDS.indexOf(name.split("@")[0] ?? "");
