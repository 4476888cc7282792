/** A run as React sees it: followed live over its socket, or replayed from the log once it is settled. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";
import { queryClient, runEvents, runQuery, runRead } from "../api/queries";
import type { Run } from "../api/types";
import { socketUrl } from "../live/live_socket";
import type { Frame } from "../protocol.gen";
import { isSettled, RunFollower, type RunFollowing } from "./run_follower";
import { EMPTY_TRACE, framesApply } from "./trace";

/** Every page of the log after `seq`. */
async function framesAll(runId: string, afterSeq: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (let after = afterSeq; ; ) {
    const page = await runEvents(runId, after);
    frames.push(...page.frames);
    const last = page.frames.at(-1);
    if (page.is_complete || !last) return frames;
    after = last.seq;
  }
}

/** One component follows one run: give it `key={run.id}`. */
export function useRun(initial: Run): RunFollowing {
  // Decided once: a run that settles while it is followed keeps its follower, so nothing jumps.
  const [isLive] = useState(() => !isSettled(initial));
  const live = useFollower(initial, isLive);
  const replay = useQuery({
    queryKey: ["frames", initial.id],
    queryFn: () => framesAll(initial.id, 0),
    enabled: !isLive,
    staleTime: Number.POSITIVE_INFINITY, // a settled run's log never changes
    select: traceOf,
  });
  if (isLive) return live;
  return {
    row: initial,
    log: replay.data ?? EMPTY_TRACE,
    line: replay.isPending ? { state: "connecting" } : { state: "closed" },
  };
}

const traceOf = (frames: Frame[]) => framesApply(EMPTY_TRACE, frames);

function useFollower(initial: Run, isEnabled: boolean): RunFollowing {
  const [follower] = useState(
    () =>
      new RunFollower(
        {
          url: socketUrl(`/ws/runs/${encodeURIComponent(initial.id)}`),
          fetchEntries: (afterSeq) => framesAll(initial.id, afterSeq),
          fetchRun: () => runRead(initial.id),
          schedule: (render) => void requestAnimationFrame(render),
        },
        initial,
      ),
  );
  const following = useSyncExternalStore(follower.subscribe, follower.snapshot);
  useEffect(() => {
    if (!isEnabled) return;
    follower.start();
    return () => follower.stop();
  }, [follower, isEnabled]);
  const isDone = isEnabled && following.line.state === "closed";
  useEffect(() => {
    if (!isDone) return;
    void queryClient.invalidateQueries({ queryKey: ["me"] });
    void queryClient.invalidateQueries({ queryKey: runQuery(initial.id).queryKey });
    void queryClient.invalidateQueries({ queryKey: ["history"] });
    void queryClient.invalidateQueries({ queryKey: ["usage"] });
  }, [isDone, initial.id]);
  return following;
}
