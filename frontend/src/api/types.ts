/**
 * The shapes of /api that the pages read: the generated schema's, made exact where the schema can only say
 * "object" or "string" (frames, reasons, what a model's card holds).
 */
import type { Frame, RunFinished, Search, ToolResult, Usage } from "../protocol.gen";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type RunStatus = Schemas["RunStatusEnum"];
export type ApiError = Schemas["RunError"];

export type Run = Omit<Schemas["Run"], "finish_reason" | "usage" | "search"> & {
  finish_reason: RunFinished["finish_reason"] | null;
  usage: Usage;
  search: Search;
};

export interface RunEvents extends Omit<Schemas["Frames"], "frames"> {
  frames: Frame[];
}

export type Tool = Omit<Schemas["Tool"], "parameters"> & { parameters: Record<string, unknown> };
export type ToolTrial = Omit<ToolResult, "type" | "call_id">;

export type Me = Schemas["MeOutput"];
export type Ask = Pick<
  Schemas["FirstQuestion"],
  "question" | "allow_tools" | "verify" | "id" | "model" | "search"
>;

export type ConversationRow = Required<Schemas["Conversation"]> & {
  last_run: Pick<Run, "id" | "status" | "answer" | "verdict" | "score" | "cost_nano_usd"> | null;
};
export type Conversation = Required<Schemas["Conversation"]> & { runs: Run[] };

export interface Page<Row> {
  results: Row[];
  next: string | null;
}

export type ApiKey = Schemas["KeyOutput"];
export type ApiKeyMade = Schemas["KeyCreatedOutput"];
export type UsageDay = Schemas["UsageSummaryOutputDay"];
export type UsageSummary = Schemas["UsageSummaryOutput"];
export type SpendCap = Schemas["SpendCapOutput"];
export type Statement = Schemas["StatementOutput"];
export type StatementLine = Schemas["StatementOutputLine"];
export type UsageRun = Schemas["UsageRunsOutputLine"];

export interface MeasuredShare {
  right: number;
  n: number;
  share: number;
  interval_low: number;
  interval_high: number;
}

export type MeasuredColumn = "with_tools" | "verified" | "held_out" | "held_out_verified" | "without_tools";

/** A mean over problems with its interval; pass@k is no share of right of n, so it has no `right`. */
export type MeasuredMean = Omit<MeasuredShare, "right">;

/** What a suite's row knows beyond a family's (gpu_node/evaluation/suite_report.py writes it). */
export interface SuiteFigures {
  strict?: MeasuredShare;
  flexible?: MeasuredShare;
  tool_validity?: MeasuredShare;
  /** "pass@4", "maj@4", "verifier@4"; null: the critic scored none. */
  of_samples?: Record<string, MeasuredMean | null>;
  tokens_per_problem?: number;
  tokens_per_solved?: number | null;
}

/** A row of the model card's measured table (gpu_node/evaluation/report.py writes it). */
export interface FamilyRow extends SuiteFigures {
  family: string;
  n: number;
  with_tools: number;
  without_tools: number;
  verified: number;
  unseen_wording?: number;
  interval_low: number;
  interval_high: number;
  /** Each column with its own n: a column that was not measured has n = 0. Older cards lack it. */
  details?: Partial<Record<MeasuredColumn, MeasuredShare>>;
}

export interface ModelCard {
  families?: FamilyRow[];
  total?: Partial<Record<MeasuredColumn, MeasuredShare>>;
  command?: string;
  critic_auc?: number | null;
  critic_samples?: { right: number; n: number };
  /** Of suites alone: how their questions were asked, and how often each. */
  mode?: string;
  num_samples?: number;
  /** Of a model that somebody else made. */
  source?: { name?: string; title?: string };
  licence?: string;
  quantization?: { bits: number; group_size: number };
}

export type Model = Omit<Schemas["Model"], "card"> & { card: ModelCard };
