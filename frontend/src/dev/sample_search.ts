/** Logs of searches as a node would write them: for specs, for /dev/components and for trees of any size. */
import type { RunEvent } from "../protocol.gen";
import { answerStep, branchScore, finished, score, started, thought } from "./sample_frames";

export const branchOpen = (id: number, parent: number | null, reason: string): RunEvent => ({
  type: "branch.open",
  branch_id: id,
  parent_id: parent,
  reason,
});

export const branchPrune = (id: number, reason: string): RunEvent => ({
  type: "branch.prune",
  branch_id: id,
  reason,
});

export const branchSelect = (id: number, reason: string): RunEvent => ({
  type: "branch.select",
  branch_id: id,
  reason,
});

/** Spread over 0..1 without repeating soon; the same for the same branch. */
const scoreOf = (id: number): number => Math.round(((id * 0.618034 + 0.31) % 1) * 98) / 100;

/** A beam: at each depth every kept branch opens `width` more, and the `width` best of all of them are kept. */
export function beamEvents(width: number, depth: number): RunEvent[] {
  const events: RunEvent[] = [started];
  let kept: (number | null)[] = [null];
  let id = -1;
  for (let level = 1; level <= depth; level += 1) {
    const opened: number[] = [];
    for (const parent of kept)
      for (let child = 0; child < width; child += 1) {
        id += 1;
        opened.push(id);
        events.push(branchOpen(id, parent, `beam step ${level}`));
      }
    for (const branch of opened) {
      events.push(...thought(branch + 1, `Step ${level} of branch ${branch}.`, 12, branch));
      events.push(score("step", branch + 1, scoreOf(branch)), branchScore(branch, scoreOf(branch), 12));
    }
    opened.sort((one, other) => scoreOf(other) - scoreOf(one));
    kept = opened.slice(0, width);
    for (const branch of opened.slice(width))
      events.push(branchPrune(branch, `not among the ${width} best of step ${level}`));
  }
  const best = kept[0] ?? 0;
  const text = `The answer of branch ${best}`;
  return [
    ...events,
    ...answerStep(text, 9_000, best),
    score("answer", 9_000, 0.94),
    branchScore(best, 0.94, 43),
    branchSelect(best, "the best score of 4 finished branches"),
    finished(text, 0.94, best),
  ];
}

/** A beam of 3 × 3, cut in the middle of a step that is being written. */
export const beamLive: RunEvent[] = (() => {
  const whole = beamEvents(3, 3);
  const open = whole.findIndex((event) => event.type === "step.open" && event.branch_id === 6);
  return whole.slice(0, open + 2);
})();
