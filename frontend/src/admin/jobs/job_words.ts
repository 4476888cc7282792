/** What a job's row says in words. Pure. */
import type { JobRow } from "../api_types";
import { a } from "../strings";

export const STATE_FILTERS = {
  all: "",
  queued: "queued",
  live: "placing,starting,running,paused,stopping",
  ended: "succeeded,failed,cancelled",
} as const;
export type StateFilter = keyof typeof STATE_FILTERS;

export const isStateFilter = (text: unknown): text is StateFilter =>
  typeof text === "string" && text in STATE_FILTERS;

export const isEnded = (job: Pick<JobRow, "status">): boolean =>
  job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";

/** The share done, from 0 to 1; null where nobody knows the whole. */
export function shareDone(job: Pick<JobRow, "step" | "num_steps" | "status">): number | null {
  if (job.status === "succeeded") return 1;
  if (!job.num_steps) return null;
  return Math.min(1, job.step / job.num_steps);
}

/** One line below the state: where it stands in the queue and why, what was asked of it, why it ended. */
export function stateHint(job: JobRow): string {
  if (job.wish && a.jobs.wishes[job.wish]) return a.jobs.wishes[job.wish] ?? "";
  if (job.status === "queued") {
    const place = job.queue_position === null ? "" : a.jobs.place(job.queue_position);
    return [place, job.waiting_reason].filter(Boolean).join("; ");
  }
  if (job.status === "failed") return job.failure?.message || job.status_reason;
  if (job.status === "running" || job.status === "succeeded") return "";
  return job.status_reason;
}

/** What a job is called where it has no name. */
export function jobTitle(job: Pick<JobRow, "name" | "kind" | "id">): string {
  return job.name || `${a.jobs.kinds[job.kind] ?? job.kind} ${job.id.slice(-6)}`;
}
