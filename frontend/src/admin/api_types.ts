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

export interface JobEventsPage {
  events: import("./jobs/job_log").LoggedEvent[];
  last_seq: number;
  is_complete: boolean;
}

export interface LogPage {
  lines: { seq: number; epoch: number; at: string; level: string; rank: number; text: string }[];
  next_after: number;
  is_complete: boolean;
}

export interface SpecPreset {
  name: string;
  kind: JobKind;
  description: string;
  spec: Record<string, unknown>;
}

export interface SpecSchema {
  kinds: Record<JobKind, import("./launch/schema_form").JsonSchema>;
  presets: SpecPreset[];
}

export interface JobTerms {
  name?: string;
  priority?: number;
  budget_nano_usd?: number | null;
  retries_max?: number;
  node_names?: string[];
}

export interface JobPlan {
  node_name: string;
  is_ok: boolean;
  num_parameters: number;
  memory: { name: string; num_bytes: number }[];
  memory_needed_bytes: number;
  memory_available_bytes: number;
  disk_needed_bytes: number;
  disk_available_bytes: number;
  seconds_estimated: number | null;
  price_nano_usd_per_hour: number;
  cost_nano_usd_estimated: number | null;
  checks: { name: string; is_ok: boolean; message: string; cure: string }[];
  command: string;
}

export interface JobPreview {
  node_name: string;
  rows: import("../protocol.gen").PreviewRow[];
}

// --- Model registry

export interface Report {
  id: number;
  model: string;
  baseline: string | null;
  n: number;
  right: number;
  share: number;
  interval_low: number;
  interval_high: number;
  families: string[];
  num_problems: number;
  seed_start: number;
  is_held_out_wording: boolean;
  verifier: string;
  problems_sha256: string;
  job_id: string;
  created_at: string;
}

export interface DeploymentRow {
  node: string;
  engine: "torch" | "vllm";
  state: "wanted" | "loading" | "ready" | "failed" | "unloading";
  reason: string;
  state_since: string;
}

export interface VersionRow {
  id: string;
  aliases: string[];
  role: "reasoner" | "verifier";
  context_tokens: number;
  num_parameters: number;
  price_nano_usd_per_token: number | null;
  description: string;
  is_ready: boolean;
  staff?: {
    manifest_sha256: string;
    num_bytes: number;
    dtype: string;
    has_files: boolean;
    created_at: string;
    lineage: {
      parent: string | null;
      job_id: string;
      step: number | null;
      data_sha256: string;
      code_version: string;
      config: Record<string, unknown>;
    };
    ready_nodes: string[];
    deployments: DeploymentRow[];
    reports: Report[];
  };
}

export interface Gate {
  name: string;
  is_ok: boolean;
  message: string;
  cure: string;
  is_blocking: boolean;
}

export interface Gates {
  alias: string;
  model: string;
  serving: string | null;
  is_ok: boolean;
  gates: Gate[];
  candidate_report: Report | null;
  serving_report: Report | null;
}

export interface AliasRow {
  alias: string;
  model: string | null;
  rollback_to: string | null;
  waiting: string | null;
}

export interface PromotionRow {
  id: number;
  alias: string;
  model: string;
  replaces: string | null;
  rollback_to: string | null;
  is_rollback: boolean;
  state: "waiting" | "effective" | "failed";
  error: string;
  promoted_by: string | null;
  reason: string;
  gates: Gate[];
  candidate_report: number | null;
  serving_report: number | null;
  created_at: string;
  effective_at: string | null;
}

export interface ShareRow {
  right: number;
  n: number;
  share: number;
  interval_low: number;
  interval_high: number;
}

export interface ComparedRow {
  name: string;
  a: ShareRow;
  b: ShareRow;
  difference: number;
  difference_low: number;
  difference_high: number;
  verdict: "better" | "worse" | "same" | "unmeasured";
}

export interface SamplePair {
  family: string;
  question: string;
  known: string;
  a: { is_right: boolean | null; given: string | null };
  b: { is_right: boolean | null; given: string | null };
}

export interface Comparison {
  a: Report;
  b: Report;
  is_same_problems: boolean;
  totals: ComparedRow[];
  families: ComparedRow[];
  samples: SamplePair[];
}

// --- Nodes

export type NodeState =
  | "ready"
  | "unreachable"
  | "lost"
  | "draining"
  | "cordoned"
  | "never_reached"
  | "foreign";

export interface NodeRow {
  name: string;
  url: string;
  state: NodeState;
  role: "both" | "train" | "serve";
  is_trusted: boolean;
  is_cordoned: boolean;
  is_draining: boolean;
  info: import("../protocol.gen").NodeInfo | null;
  seen_at: string | null;
  probed_at: string | null;
  probe_error: string;
  follow_error: string;
  silent_seconds: number;
  running_jobs: {
    job_id: string;
    job_name: string;
    epoch: number;
    node_rank: number;
    status: JobStatus;
    step: number;
    num_steps: number | null;
  }[];
  price_nano_usd_per_hour: number;
  cost_24h_nano_usd: number;
  tokens_sold_24h: number;
  revenue_24h_nano_usd: number;
  margin_24h_nano_usd: number;
  added_by: string | null;
  created_at: string;
}

export interface NodeStartLines {
  secret: string;
  lines: string[];
  known_names: string[];
}
