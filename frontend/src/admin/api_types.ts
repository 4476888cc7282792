/**
 * The shapes of the operator's API that the pages read: the generated schema's, made exact where the schema can only
 * say "object" or "string".
 */
import type { JobSpec } from "../protocol.gen";

export type JobStatus =
  | "queued"
  | "placing"
  | "starting"
  | "running"
  | "paused"
  | "stopping"
  | "succeeded"
  | "failed"
  | "cancelled";

export type JobKind = JobSpec["kind"];
export type JobVerb = "cancel" | "pause" | "resume" | "requeue" | "clone";

export interface JobRow {
  id: string;
  name: string;
  kind: JobKind;
  status: JobStatus;
  status_reason: string;
  wish: string;
  can: JobVerb[];
  failure: { cause: string; message: string; cure: string } | null;
  priority: number;
  account_id: string;
  account_name: string;
  created_by: string | null;
  cloned_from: string | null;
  schedule_id: string | null;
  spec: JobSpec;
  spec_sha256: string;
  budget_nano_usd: number | null;
  spent_nano_usd: number;
  price_nano_usd_per_hour: number;
  retries_max: number;
  retries_used: number;
  losses: number;
  epoch: number;
  num_nodes: number;
  wanted_node_names: string[];
  node_names: string[];
  unreachable_node_names: string[];
  queue_position: number | null;
  waiting_reason: string;
  step: number;
  num_steps: number | null;
  eta_seconds: number | null;
  values: Record<string, number>;
  last_seq: number;
  last_event_at: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Attempt {
  epoch: number;
  node_names: string[];
  resumed_from_step: number | null;
  outcome: string;
  end_reason: string;
  cost_nano_usd: number;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface Transition {
  from_status: string;
  to_status: JobStatus;
  reason: string;
  epoch: number;
  at: string;
}

export interface JobDetail extends JobRow {
  attempts: Attempt[];
  transitions: Transition[];
}

export interface CheckpointRow {
  ref: string;
  step: number;
  epoch: number;
  state: "uploading" | "committed" | "pruned" | "refused";
  refused_reason: string;
  manifest_sha256: string;
  num_bytes: number;
  num_files: number;
  values: Record<string, number>;
  keep_reasons: string[];
  created_at: string;
  committed_at: string | null;
  pruned_at: string | null;
}
