/** A job as React sees it: followed over its socket from the first event, or, of a long job, from the newest ones. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";
import { queryClient } from "../../api/queries";
import { socketUrl } from "../../live/live_socket";
import { checkpointsQuery, jobEventsAll, jobMetrics, jobQuery } from "../api";
import type { JobDetail } from "../api_types";
import { JobFollower, type JobFollowing } from "./job_follower";
import { EMPTY_LOG, type JobLog, logSeeded } from "./job_log";

/** Up to so many events a job is read whole; of a longer one the curve comes as a table, and the newest of its log. */
const EVENTS_READ_MAX = 5_000;

/** Where reading begins; undefined while the table of a long job is on its way. */
export function useSeed(job: JobDetail): JobLog | undefined {
  const [lastSeq] = useState(job.last_seq);
  const isLong = lastSeq > EVENTS_READ_MAX;
  const table = useQuery({
    queryKey: ["job", job.id, "seed", lastSeq],
    queryFn: () => jobMetrics(job.id),
    enabled: isLong,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!isLong || table.isError) return EMPTY_LOG;
  return table.data && logSeeded(table.data, lastSeq - EVENTS_READ_MAX);
}

export function useJob(initial: JobDetail, seed: JobLog): JobFollowing {
  const [follower] = useState(
    () =>
      new JobFollower(
        {
          url: socketUrl(`/ws/jobs/${encodeURIComponent(initial.id)}`),
          fetchEntries: (afterSeq) => jobEventsAll(initial.id, afterSeq),
          schedule: (render) => void requestAnimationFrame(render),
        },
        seed,
        initial,
      ),
  );
  const following = useSyncExternalStore(follower.subscribe, follower.snapshot);
  useEffect(() => {
    follower.start();
    return () => follower.stop();
  }, [follower]);
  const { row: job, log } = following;
  // The page's heading and buttons read the row from the cache.
  useEffect(() => {
    if (job) queryClient.setQueryData(jobQuery(job.id).queryKey, job);
  }, [job]);
  // Checkpoints are rows of their own: read again when something may have happened to them.
  const changes = `${job?.status} ${log.marks.length}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `changes` is what there is to react to
  useEffect(() => {
    void queryClient.invalidateQueries(checkpointsQuery(initial.id));
  }, [changes, initial.id]);
  return following;
}
