/** What a job's pages read of the wire, under the names they use. */
import type { Log } from "../../protocol.gen";

export type { JobEvent, JobSpec, Plan, Preview, PreviewRow, TrainSpec } from "../../protocol.gen";
export type LogLevel = Log["level"];
