/** The shapes of /api that the pages read. */
import type { Frame, RunFinished, Usage } from "../protocol.gen";

export type RunStatus = "queued" | "running" | "finished" | "failed" | "cancelled";

export interface ApiError {
  code: string;
  message: string;
}

export interface Run {
  id: string;
  conversation_id: string | null;
  question: string;
  status: RunStatus;
  model: string;
  allow_tools: boolean;
  verify: boolean;
  answer: string | null;
  verdict: RunFinished["verdict"];
  score: number | null;
  finish_reason: RunFinished["finish_reason"] | null;
  error: ApiError | null;
  usage: Usage;
  max_total_tokens: number;
  price_nano_usd_per_token: number;
  cost_nano_usd: number;
  created_at: string;
  finished_at: string | null;
  last_seq: number;
}

export interface RunEvents {
  frames: Frame[];
  is_complete: boolean;
}

export interface Me {
  user: { email: string; is_staff: boolean } | null;
  account: { id: string; name: string };
  balance_nano_usd: number;
  is_local: boolean;
  price_nano_usd_per_token: number;
  has_asked: boolean;
}

export interface Ask {
  question: string;
  allow_tools: boolean;
  verify: boolean;
  model?: string;
  id?: string;
}

export interface ConversationRow {
  id: string;
  title: string;
  created_at: string;
  last_run: Pick<Run, "id" | "status" | "answer" | "verdict" | "score" | "cost_nano_usd"> | null;
}

export interface Conversation {
  id: string;
  title: string;
  created_at: string;
  runs: Run[];
}

export interface Page<Row> {
  results: Row[];
  next: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  last4: string;
  scopes: string[];
  created_at: string;
  last_used_at: string | null;
  last_used_model: string | null;
  spent_month_nano_usd: number;
  monthly_cap_nano_usd: number | null;
  revoked_at: string | null;
}

export interface ApiKeyMade extends ApiKey {
  key: string;
}

export interface UsageDay extends Usage {
  day: string;
  cost_nano_usd: number;
  num_runs: number;
}

export interface UsageSummary {
  balance_nano_usd: number;
  month_to_date_nano_usd: number;
  days: UsageDay[];
}

export interface UsageRun extends Usage {
  run_id: string;
  created_at: string;
  model: string;
  api_key_name: string | null;
  question: string;
  finish_reason: string | null;
  cost_nano_usd: number;
  is_billable: boolean;
}

export interface FamilyRow {
  family: string;
  n: number;
  with_tools: number | null;
  without_tools: number | null;
  verified: number | null;
  interval_low: number | null;
  interval_high: number | null;
}

export interface Model {
  id: string;
  aliases: string[];
  role: "reasoner" | "verifier";
  context_tokens: number;
  num_parameters: number;
  price_nano_usd_per_token: number | null;
  description: string;
  is_ready: boolean;
  card: { families?: FamilyRow[] };
  can: string[];
  cannot: string[];
}
