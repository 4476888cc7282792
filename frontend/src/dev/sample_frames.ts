/** Logs of runs as a node would write them: for specs and for /dev/components. */
import type { Run } from "../api/types";
import type { Frame, RunEvent, Usage } from "../protocol.gen";
import { EMPTY_USAGE } from "../trace/trace";

const BEGIN_MS = Date.UTC(2026, 10, 23, 14, 2, 0);

/** Numbers the events from 1 and counts tokens the way the node does, roughly. */
export function framesOf(events: RunEvent[], options: { epoch?: number; runId?: string } = {}): Frame[] {
  let usage: Usage = { ...EMPTY_USAGE, prompt_tokens: 64 };
  return events.map((event, index) => {
    usage = usageAfter(usage, event);
    return {
      run_id: options.runId ?? "run_sample",
      epoch: options.epoch ?? 1,
      seq: index + 1,
      at_ms: BEGIN_MS + index * 140,
      usage,
      event,
      crc: 0,
    };
  });
}

function usageAfter(usage: Usage, event: RunEvent): Usage {
  if (event.type === "step.close") {
    const reasoning = event.step_id < 90 ? event.num_tokens : 0;
    return {
      ...usage,
      completion_tokens: usage.completion_tokens + event.num_tokens,
      reasoning_tokens: usage.reasoning_tokens + reasoning,
    };
  }
  if (event.type === "tool.result") {
    return {
      ...usage,
      prompt_tokens: usage.prompt_tokens + 12,
      tool_result_tokens: usage.tool_result_tokens + 12,
    };
  }
  return usage;
}

export const started: RunEvent = {
  type: "run.started",
  model: "svend-nano",
  backend: "torch",
  fence_tier: "namespaces",
  max_total_tokens: 2_048,
};

export const thought = (id: number, text: string, tokens: number, branch = 0): RunEvent[] => [
  { type: "step.open", step_id: id, branch_id: branch, kind: "thought" },
  { type: "step.delta", step_id: id, text: text.slice(0, 12) },
  { type: "step.delta", step_id: id, text: text.slice(12) },
  { type: "step.close", step_id: id, text, num_tokens: tokens },
];

export const answerStep = (text: string, id = 90, branch = 0): RunEvent[] => [
  { type: "step.open", step_id: id, branch_id: branch, kind: "answer" },
  { type: "step.delta", step_id: id, text },
  { type: "step.close", step_id: id, text, num_tokens: 31 },
];

const CODE = `print([(a, b) for a in range(1, 13) for b in range(a, 13)
       if a**3 + b**3 == 1729])`;

export const pythonCall: RunEvent = {
  type: "tool.call",
  call_id: 1,
  branch_id: 0,
  name: "execute_python",
  arguments: { code: CODE },
  raw: JSON.stringify({ code: CODE }),
};

export const pythonResult: RunEvent = {
  type: "tool.result",
  call_id: 1,
  status: "ok",
  text: "[(1, 12), (9, 10)]",
  wall_ms: 11.2,
  is_truncated: false,
};

export const score = (target: "step" | "tool" | "answer", id: number, value: number): RunEvent => ({
  type: "verifier.score",
  target,
  target_id: id,
  score: value,
  verdict: value > 0.7 ? "accept" : value < 0.3 ? "reject" : "abstain",
});

export const branchScore = (id: number, value: number, tokens: number): RunEvent => ({
  type: "branch.score",
  branch_id: id,
  score: value,
  usage: { ...EMPTY_USAGE, completion_tokens: tokens, reasoning_tokens: tokens },
});

export const finished = (answer: string, value: number | null = 0.97, branch = 0): RunEvent => ({
  type: "run.finished",
  finish_reason: "stop",
  answer,
  verdict: value === null ? null : value > 0.7 ? "accept" : value < 0.3 ? "reject" : "abstain",
  score: value,
  branch_id: branch,
  client_tool_calls: [],
});

const CUBES = "Yes. 1729 = 1^3 + 12^3 = 9^3 + 10^3";

export const cubesEvents: RunEvent[] = [
  started,
  ...thought(1, "Find all pairs of cubes that add to 1729, then count them.", 38),
  pythonCall,
  pythonResult,
  score("tool", 1, 0.96),
  ...thought(2, "Two different pairs, so the answer is yes: 1 and 12, and 9 and 10.", 29),
  ...answerStep(CUBES),
  score("answer", 90, 0.97),
  finished(CUBES),
];

export const cubesLive: RunEvent[] = cubesEvents.slice(0, 10);

export const repairEvents: RunEvent[] = [
  started,
  ...thought(1, "Solve the equation.", 6),
  {
    type: "tool.call",
    call_id: 1,
    branch_id: 0,
    name: "symbolic_math",
    arguments: null,
    raw: '{"operation": "solve", "expression": "x^2 -',
  },
  {
    type: "tool.result",
    call_id: 1,
    status: "error",
    text: "The arguments are not a JSON object: it ends too early.",
    wall_ms: 0.4,
    is_truncated: false,
  },
  ...thought(2, "The call was cut. Call again.", 9),
  {
    type: "tool.call",
    call_id: 2,
    branch_id: 0,
    name: "symbolic_math",
    arguments: { operation: "solve", expression: "x^2 - 4" },
    raw: "",
  },
  { type: "tool.result", call_id: 2, status: "ok", text: "[-2, 2]", wall_ms: 142.6, is_truncated: false },
  score("tool", 2, 0.52),
  ...answerStep("[-2, 2]", 91),
  score("answer", 91, 0.12),
  branchScore(0, 0.12, 46),
  { type: "branch.open", branch_id: 1, parent_id: 0, reason: "retry after a rejected answer" },
  ...thought(3, "Solve again and check both roots.", 8, 1),
  ...answerStep("[-2, 2]", 92, 1),
  branchScore(1, 0.51, 39),
  { type: "branch.select", branch_id: 1, reason: "the critic's best score" },
  finished("[-2, 2]", 0.51, 1),
];

export const puzzleEvents: RunEvent[] = [
  started,
  ...thought(1, "Each statement is true exactly when its speaker is a knight.", 14),
  {
    type: "tool.call",
    call_id: 1,
    branch_id: 0,
    name: "logic_solver",
    arguments: { constraints: ["Ann <-> not Bob", "Bob <-> (Ann and Bob)"] },
    raw: "",
  },
  {
    type: "tool.result",
    call_id: 1,
    status: "ok",
    text: "Ann = true, Bob = false (unique)",
    wall_ms: 38.1,
    is_truncated: false,
  },
  score("tool", 1, 0.91),
  ...answerStep("Ann is a knight, Bob is a knave."),
  finished("Ann is a knight, Bob is a knave.", null),
];

const PARABOLA = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" width="640" height="400" font-family="sans-serif" font-size="12" role="img"><rect x="0" y="0" width="640" height="400" fill="#ffffff"/><line x1="56" y1="283" x2="624" y2="283" stroke="#3f3f46" stroke-width="1"/><line x1="340" y1="20" x2="340" y2="364" stroke="#3f3f46" stroke-width="1"/><polyline points="${Array.from({ length: 41 }, (_, n) => `${56 + 14.2 * n},${(334 - 0.74 * (n - 20) ** 2).toFixed(1)}`).join(" ")}" fill="none" stroke="#1f5fae" stroke-width="2"/><text x="84" y="32" fill="#3f3f46">x**2 - 4</text></svg>`;

export const figureEvents: RunEvent[] = [
  started,
  ...thought(1, "Draw it first, then find its slope.", 9),
  {
    type: "tool.call",
    call_id: 1,
    branch_id: 0,
    name: "symbolic_math",
    arguments: { operation: "plot", expression: "x^2 - 4", lower: "-5", upper: "5" },
    raw: "",
  },
  {
    type: "tool.result",
    call_id: 1,
    status: "ok",
    text: "plotted x**2 - 4 for x from -5 to 5: least -4 at x = 0, greatest 21 at x = -5, zero near x = -2, 2",
    wall_ms: 96.4,
    is_truncated: false,
    attachments: [{ kind: "svg", title: "Plot of x**2 - 4", data: PARABOLA }],
  },
  {
    type: "tool.call",
    call_id: 2,
    branch_id: 0,
    name: "symbolic_math",
    arguments: { operation: "differentiate", expression: "x^2 sin(x)/(x + 1)" },
    raw: "",
  },
  {
    type: "tool.result",
    call_id: 2,
    status: "ok",
    text: "x**2*cos(x)/(x + 1) - x**2*sin(x)/(x + 1)**2 + 2*x*sin(x)/(x + 1)",
    wall_ms: 21.7,
    is_truncated: false,
    attachments: [
      {
        kind: "latex",
        title: "Formula",
        data: "\\frac{x^{2} \\cos{\\left(x \\right)}}{x + 1} - \\frac{x^{2} \\sin{\\left(x \\right)}}{\\left(x + 1\\right)^{2}} + \\frac{2 x \\sin{\\left(x \\right)}}{x + 1}",
      },
      {
        kind: "text",
        title: "Steps",
        data: "d/dx [x**2*sin(x)/(x + 1)]: quotient rule, (u/v)' = (u' v - u v')/v^2\nd/dx [x**2*sin(x)]: product rule, (u v)' = u' v + u v'",
      },
    ],
  },
  ...answerStep("It is least at x = 0."),
  finished("It is least at x = 0.", 0.91),
];

export function runOf(change: Partial<Run>): Run {
  return {
    id: "run_sample",
    conversation_id: "conv_sample",
    question: "Is the number 1729 a sum of two cubes in two different ways?",
    status: "finished",
    model: "svend-nano",
    allow_tools: true,
    verify: true,
    search: { strategy: "none", width: 4, depth: 4 },
    answer: null,
    verdict: null,
    score: null,
    finish_reason: null,
    error: null,
    usage: EMPTY_USAGE,
    max_total_tokens: 2_048,
    price_nano_usd_per_token: 3_000,
    cost_nano_usd: 747_000,
    created_at: new Date(BEGIN_MS).toISOString(),
    finished_at: null,
    last_seq: 0,
    ...change,
  };
}
