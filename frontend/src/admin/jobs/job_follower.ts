/** Follows one job: the row as it changes, and its log. A requeued job goes on: only the last status ends it. */
import { type FollowerDoors, type Following, LogFollower } from "../../live/log_follower";
import type { JobDetail } from "../api_types";
import { eventsApply, type JobLog, type LoggedEvent } from "./job_log";

export type JobFollowing = Following<JobDetail, JobLog>;

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export class JobFollower extends LogFollower<JobDetail, LoggedEvent, JobLog> {
  constructor(doors: FollowerDoors<LoggedEvent>, seed: JobLog, job: JobDetail | null) {
    const isEnded = ({ status }: JobDetail) => ENDED.has(status);
    super(doors, { entryKind: "event", rowKind: "job", isEnded, reduce: eventsApply }, seed, job);
  }
}
