/** Jobs that never ran, for specs and for the page of every state. */
import type { DataSpec, EvalSpec, PreviewRow, TrainSpec } from "../protocol.gen";
import type {
  Attempt,
  CheckpointRow,
  DataFileRow,
  Gate,
  Gates,
  JobDetail,
  JobPlan,
  NodeRow,
  ScheduleRow,
} from "./api_types";
import type { Mark, Point } from "./jobs/job_log";

export const SPEC = {
  kind: "train",
  objective: "sft",
  model_size: "nano",
  parent: "svend-nano",
  data: {
    source: "families",
    families: [],
    num_rows: 2_000,
    seed_start: 10_000_000,
    row_tokens_max: 512,
  } as Partial<DataSpec> as DataSpec,
  lora: { rank: 0, alpha: 32, targets: ["q_proj", "v_proj"] },
  teacher: null,
  distill_temperature: 2,
  distill_share: 0.5,
  dpo_beta: 0.1,
  num_steps: 100,
  epochs: null,
  batch_tokens: 4_096,
  muon_learning_rate: 0.008,
  adamw_learning_rate: 0.0012,
  warmup_steps: 10,
  clip_norm: 1,
  seed: 1,
  is_autocast: true,
  accumulation_steps: 1,
  is_recomputing: false,
  optimizer: "muon",
  weight_dtype: "float32",
  is_stepping_early: false,
  checkpoint_steps: 25,
  num_nodes: 1,
  ranks_per_node: 1,
  time_budget_seconds: null,
} as Partial<TrainSpec> as TrainSpec; // what it leaves out is the schema's default, as in a stored job

export function jobOf(changes: Partial<JobDetail> = {}): JobDetail {
  return {
    id: "job_sample",
    name: "svend-nano, word problems, round 2",
    kind: "train",
    status: "running",
    status_reason: "",
    wish: "",
    can: ["clone", "cancel", "pause"],
    failure: null,
    priority: 0,
    account_id: "acct_sample",
    account_name: "Svend",
    created_by: "operator@example.com",
    cloned_from: null,
    schedule_id: null,
    spec: SPEC,
    spec_sha256: "5e".repeat(32),
    budget_nano_usd: null,
    spent_nano_usd: 124_000_000,
    price_nano_usd_per_hour: 2_000_000_000,
    retries_max: 0,
    retries_used: 0,
    losses: 0,
    epoch: 1,
    num_nodes: 1,
    wanted_node_names: [],
    node_names: ["local"],
    unreachable_node_names: [],
    queue_position: null,
    waiting_reason: "",
    step: 61,
    num_steps: 100,
    eta_seconds: 120,
    values: { loss: 0.418, tokens_per_second: 6930 },
    last_seq: 2,
    last_event_at: "2026-11-25T14:01:31Z",
    created_at: "2026-11-25T13:40:00Z",
    started_at: "2026-11-25T13:41:00Z",
    finished_at: null,
    attempts: [],
    transitions: [],
    ...changes,
  };
}

export function checkpointOf(changes: Partial<CheckpointRow> = {}): CheckpointRow {
  return {
    ref: "job_sample:50",
    step: 50,
    epoch: 1,
    state: "committed",
    refused_reason: "",
    manifest_sha256: "a1".repeat(32),
    num_bytes: 5_200_000,
    num_files: 7,
    values: { loss: 0.502 },
    keep_reasons: ["last"],
    created_at: "2026-11-25T13:55:00Z",
    committed_at: "2026-11-25T13:55:04Z",
    pruned_at: null,
    ...changes,
  };
}

export function nodeOf(changes: Partial<NodeRow> = {}): NodeRow {
  return {
    name: "rtx-1",
    url: "https://rtx-1.example.com:8001",
    state: "ready",
    role: "both",
    is_trusted: false,
    is_cordoned: false,
    is_draining: false,
    info: {
      protocol_version: 1,
      name: "rtx-1",
      boot_id: "b1",
      journal_id: "j1",
      versions: { svend: "0.1.0", torch: "2.13.0", python: "3.11.9" },
      devices: [{ kind: "cuda", name: "RTX A6000", memory_bytes: 48_000_000_000 }],
      fence_tier: "namespaces",
      tools: ["execute_python", "symbolic_math", "logic_solver"],
      models: [
        {
          version: "svend-nano",
          role: "reasoner",
          backend: "torch",
          num_parameters: 1_200_000,
          context_tokens: 2_048,
          vocab_size: 512,
          manifest_sha256: "",
          has_critic: true,
        },
      ],
      running_runs: ["run_1", "run_2"],
      runs_max: 8,
      running_jobs: [],
      jobs_max: 1,
      is_draining: false,
    },
    seen_at: "2026-11-25T14:01:31Z",
    probed_at: "2026-11-25T14:01:31Z",
    probe_error: "",
    follow_error: "",
    silent_seconds: 0,
    running_jobs: [
      {
        job_id: "job_sample",
        job_name: "svend-nano, word problems, round 2",
        epoch: 1,
        node_rank: 0,
        status: "running",
        step: 61,
        num_steps: 100,
      },
    ],
    price_nano_usd_per_hour: 790_000_000,
    cost_24h_nano_usd: 18_960_000_000,
    tokens_sold_24h: 7_360_000,
    revenue_24h_nano_usd: 22_080_000_000,
    margin_24h_nano_usd: 3_120_000_000,
    added_by: "operator@example.com",
    created_at: "2026-11-20T08:00:00Z",
    ...changes,
  };
}

export const POINTS: Point[] = Array.from({ length: 240 }, (_, index) => ({
  step: index + 1,
  atMs: Date.UTC(2026, 10, 25, 13, 0, index),
  values: {
    loss: 0.35 + 2.8 * Math.exp(-index / 40) + 0.08 * Math.sin(index * 1.7),
    learning_rate: 0.0012 * Math.min(1, (index + 1) / 20),
    gradient_norm: 0.6 + 0.1 * Math.sin(index),
    tokens_per_second: 6_900 + 60 * Math.cos(index),
  },
}));

/** As it may go: a spike after which the loss comes down again, and a node that was lost for two minutes. */
export const POINTS_ODD: Point[] = POINTS.map((point, index) => ({
  ...point,
  atMs: point.atMs + (index >= 180 ? 120_000 : 0),
  values: {
    ...point.values,
    loss: (point.values.loss ?? 0) + (index === 120 ? 1.1 : index === 121 ? 0.6 : 0),
  },
}));

export const MARKS_ODD: Mark[] = [
  {
    seq: 900,
    epoch: 1,
    atMs: POINTS_ODD[120]?.atMs ?? 0,
    event: {
      type: "alert",
      kind: "spike",
      step: POINTS_ODD[120]?.step ?? 0,
      message: "the loss is 1.6; of the last 50 steps it was about 0.5",
    },
  },
];

export const ATTEMPT_LOST: Attempt = {
  epoch: 1,
  node_names: ["rtx-1"],
  resumed_from_step: null,
  outcome: "lost",
  end_reason: "the node rtx-1 did not answer for 60 seconds",
  cost_nano_usd: 39_000_000,
  created_at: "2026-11-25T13:00:00Z",
  started_at: "2026-11-25T13:00:00Z",
  ended_at: "2026-11-25T13:04:00Z",
};

export const SCHEDULES: ScheduleRow[] = [
  {
    id: "sched_a",
    name: "nightly evaluation",
    spec: { kind: "evaluate", model: "svend-latest" } as EvalSpec,
    priority: 0,
    budget_nano_usd: null,
    every_seconds: 86_400,
    next_at: "2026-11-26T02:00:00Z",
    is_enabled: true,
    last_error: "",
    last_job: { id: "job_sample", status: "succeeded", created_at: "2026-11-25T02:00:00Z" },
    created_at: "2026-11-20T08:00:00Z",
  },
  {
    id: "sched_b",
    name: "weekly fine-tune",
    spec: SPEC,
    priority: 5,
    budget_nano_usd: null,
    every_seconds: 604_800,
    next_at: "2026-11-30T02:00:00Z",
    is_enabled: false,
    last_error: "There is no model 'svend-nano-2': name a ModelVersion or `job_…:step`.",
    last_job: null,
    created_at: "2026-11-20T08:00:00Z",
  },
];

export const FILES: DataFileRow[] = [
  {
    sha256: "c3".repeat(32),
    name: "word-problems-2026-11.jsonl",
    num_bytes: 4_812_331,
    num_rows: 21_400,
    columns: ["question", "thought", "answer"],
    created_at: "2026-11-24T09:12:00Z",
  },
  {
    sha256: "d4".repeat(32),
    name: "everything-we-have.jsonl",
    num_bytes: 8_200_000_000,
    num_rows: null,
    columns: [],
    created_at: "2026-11-23T17:40:00Z",
  },
];

const GB = 1_000_000_000;

export const PLAN: JobPlan = {
  node_name: "rtx-1",
  is_ok: true,
  num_parameters: 7_000_000_000,
  memory: [
    { name: "weights", num_bytes: 14 * GB },
    { name: "gradients", num_bytes: 0.4 * GB },
    { name: "optimiser", num_bytes: 14.1 * GB },
    { name: "activations", num_bytes: 9.2 * GB },
  ],
  memory_needed_bytes: 37.7 * GB,
  memory_available_bytes: 45 * GB,
  disk_needed_bytes: 30 * GB,
  disk_available_bytes: 210 * GB,
  seconds_estimated: 1_480,
  price_nano_usd_per_hour: 790_000_000,
  cost_nano_usd_estimated: 324_777_000,
  checks: [
    { name: "device", is_ok: true, message: "RTX A6000, driver 560.35", cure: "" },
    {
      name: "data",
      is_ok: false,
      message: "row 118 has 611 tokens",
      cure: "raise data.row_tokens_max to 640",
    },
  ],
  command: "svend train --set parent=svend-nano --set num_steps=10000",
};

export const PREVIEW: PreviewRow[] = [
  {
    family: "gcd",
    num_tokens: 12,
    tokens: [
      { text: "What is the greatest common divisor of 12 and 18? ", weight: 0 },
      { text: "Both are multiples of 6. ", weight: 0.5 },
      { text: "6", weight: 1 },
    ],
  },
];

const gate = (name: string, is_ok: boolean, message: string, is_blocking = true): Gate => ({
  name,
  is_ok,
  message,
  cure: is_ok ? "" : "train further, or keep what is",
  is_blocking,
});

export const GATES: Gates = {
  alias: "svend-latest",
  model: "svend-nano-2",
  serving: "svend-nano",
  is_ok: false,
  candidate_report: null,
  serving_report: null,
  gates: [
    gate("version", true, "svend-nano-2 replaces svend-nano."),
    {
      ...gate("candidate_report", false, "svend-nano-2 was not evaluated."),
      cure: "svend evaluate svend-nano-2",
    },
    gate("families", false, "Clearly worse on knights_three.", false),
    gate("not_worse", false, "Clearly worse. Right answers with tools, candidate less served: -22.0%."),
  ],
};
