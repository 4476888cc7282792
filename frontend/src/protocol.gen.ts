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
  | BranchPrune
  | BranchSelect
  | BudgetFrame
  | RunFinished
  | RunFailed;

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

export interface ClientToolCall {
  id: string;
  name: string;
  arguments: string;
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
