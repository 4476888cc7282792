import { t } from "../strings";
import type { Verdict } from "./trace";

const INK: Record<Verdict, string> = {
  accept: "text-accept",
  abstain: "text-abstain",
  reject: "text-reject",
};
const DOT: Record<Verdict, string> = { accept: "bg-accept", abstain: "bg-abstain", reject: "bg-reject" };

export function verdictWords(verdict: Verdict | null, score: number | null): string {
  const words = t.verdict[verdict ?? "none"];
  return score === null ? words : t.verdict.withScore(words, score);
}

/** The verdict in words, with its number; a hover or a screen reader says what it means. */
export function VerdictChip({ verdict, score }: { verdict: Verdict | null; score: number | null }) {
  return (
    <span
      title={t.verdict.hint[verdict ?? "none"]}
      className={`inline-flex items-center gap-2 rounded-full px-3 py-0.5 text-xs font-semibold figures ${verdict === "accept" ? "bg-wash" : "bg-sunk"} ${verdict ? INK[verdict] : "text-soft"}`}
    >
      {verdict && <span aria-hidden="true" className={`size-1.5 rounded-full ${DOT[verdict]}`} />}
      {verdictWords(verdict, score)}
      <span className="sr-only">. {t.verdict.hint[verdict ?? "none"]}</span>
    </span>
  );
}
