/** Follows one run until it is settled: its row, its trace, and, when the line ends first, the ledger's word on it. */
import type { Run } from "../api/types";
import { type FollowerDoors, type Following, LogFollower } from "../live/log_follower";
import type { Frame } from "../protocol.gen";
import { EMPTY_TRACE, framesApply, type Trace } from "./trace";

const SETTLE_EVERY_MS = 700; // settling takes the server milliseconds, or a sweep of the worker's
const SETTLE_TRIES_MAX = 30;

export type RunFollowing = Following<Run, Trace>;

export interface RunDoors extends FollowerDoors<Frame> {
  /** The run's row, asked for when the log has ended but the last row heard was not settled yet. */
  fetchRun: () => Promise<Run>;
}

export const isSettled = (run: Run): boolean => run.status !== "queued" && run.status !== "running";

export class RunFollower extends LogFollower<Run, Frame, Trace> {
  constructor(
    private readonly runDoors: RunDoors,
    run: Run | null = null,
  ) {
    const kind = { entryKind: "frame", rowKind: "run", isEnded: isSettled, reduce: framesApply };
    super(runDoors, kind, EMPTY_TRACE, run);
  }

  protected override isOver(): boolean {
    const isWhole = this.reduced().outcome !== null;
    if (isWhole) void this.settle(SETTLE_TRIES_MAX);
    return isWhole;
  }

  /** The log is whole; what is missing is the ledger's word on the cost. */
  private async settle(triesLeft: number): Promise<void> {
    const row = await this.runDoors.fetchRun().catch(() => null);
    if (row) this.change({ row });
    if ((row && isSettled(row)) || triesLeft <= 1) this.change({ line: { state: "closed" } });
    else setTimeout(() => void this.settle(triesLeft - 1), SETTLE_EVERY_MS);
  }
}
