/** A job's state in a word and a colour; the word alone says it. */
import type { JobRow, JobStatus } from "../api_types";
import { a } from "../strings";

const COLOURS: Record<JobStatus, string> = {
  queued: "text-soft",
  placing: "text-soft",
  starting: "text-accent",
  running: "text-accept",
  paused: "text-abstain",
  stopping: "text-abstain",
  succeeded: "text-accept",
  failed: "text-reject",
  cancelled: "text-soft",
};

export function StateWord({ job }: { job: Pick<JobRow, "status"> }) {
  return <span className={`font-medium ${COLOURS[job.status]}`}>{a.jobs.status[job.status]}</span>;
}
