import * as numbers from "../format/numbers";
import type { Verdict } from "./trace";

const FILL: Record<Verdict, string> = { accept: "bg-accept", abstain: "bg-abstain", reject: "bg-reject" };

/** A score from 0 to 1 as a bar and a number. The words beside it say the verdict; colour only repeats it. */
export function ScoreBar({ score, verdict }: { score: number; verdict: Verdict }) {
  return (
    <span className="inline-flex items-center gap-2.5">
      <span aria-hidden="true" className="h-1 w-[104px] overflow-hidden rounded-full bg-line max-sm:w-[72px]">
        <span className={`block h-full ${FILL[verdict]}`} style={{ width: `${score * 100}%` }} />
      </span>
      <span className="figures text-sm text-soft">{numbers.score(score)}</span>
    </span>
  );
}
