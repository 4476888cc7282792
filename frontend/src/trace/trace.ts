/**
 * The trace: frames in, what the page shows out. One pure reducer for live and replayed runs, so both look alike.
 *
 * Not here: where frames come from (run_follower.ts) and how a step looks (TraceRail.tsx).
 * Invariant: `lastSeq` counts the frames applied, without a gap. A frame that would leave a gap is not applied;
 * it sets `hasGap`, and whoever feeds the reducer fetches what lies between.
 */
import type {
  BranchOpen,
  BudgetFrame,
  Frame,
  RunEvent,
  RunFailed,
  RunFinished,
  RunStarted,
  ToolCall,
  ToolResult,
  Usage,
  VerifierScore,
} from "../protocol.gen";

export type Verdict = VerifierScore["verdict"];

interface StepBase {
  key: string; // stable over the run: React's key and the anchor in the address
  branchId: number;
  startedAtMs: number;
}

/** A thought, or an answer that a later try replaced, or raw text. */
export interface TextStep extends StepBase {
  kind: "thought" | "answer" | "text";
  stepId: number;
  text: string;
  isOpen: boolean;
  numTokens: number | null; // null while it is open
}

export interface ToolStep extends StepBase {
  kind: "tool";
  callId: number;
  call: ToolCall;
  result: ToolResult | null;
}

export interface CheckStep extends StepBase {
  kind: "check";
  target: VerifierScore["target"];
  targetKey: string;
  score: number;
  verdict: Verdict;
}

export interface BranchStep extends StepBase {
  kind: "branch";
  parentId: number | null;
  reason: string;
}

export type Step = TextStep | ToolStep | CheckStep | BranchStep;

/** One line of reasoning of a search. Branch 0 begins with the run and may have no frame that opens it. */
export interface Branch {
  id: number;
  parentId: number | null;
  reason: string; // why it was opened
  ending: string; // why it was pruned or selected, or what failed
  score: number | null;
  usage: Usage | null; // its own tokens, as its last score or its end counted them
  isClosed: boolean; // no more is written in it
  state: "open" | "pruned" | "selected";
}

export interface Trace {
  epoch: number;
  lastSeq: number;
  hasGap: boolean;
  started: RunStarted | null;
  startedAtMs: number | null;
  lastAtMs: number | null;
  steps: Step[];
  branches: Branch[];
  isSideBySide: boolean; // a branch was opened while another had no answer yet: they run at the same time
  budget: BudgetFrame | null;
  usage: Usage;
  outcome: RunFinished | RunFailed | null;
}

export const EMPTY_USAGE: Usage = {
  prompt_tokens: 0,
  completion_tokens: 0,
  tool_result_tokens: 0,
  reasoning_tokens: 0,
};

export const EMPTY_TRACE: Trace = {
  epoch: 0,
  lastSeq: 0,
  hasGap: false,
  started: null,
  startedAtMs: null,
  lastAtMs: null,
  steps: [],
  branches: [],
  isSideBySide: false,
  budget: null,
  usage: EMPTY_USAGE,
  outcome: null,
};

/** Applies one frame. Repeats and frames of an older epoch change nothing; a newer epoch starts the trace anew. */
export function frameApply(trace: Trace, frame: Frame): Trace {
  if (frame.epoch < trace.epoch) return trace;
  const base = frame.epoch > trace.epoch && trace.epoch > 0 ? EMPTY_TRACE : trace;
  if (frame.seq <= base.lastSeq) return base;
  if (frame.seq > base.lastSeq + 1) return { ...base, hasGap: true };
  const counted: Trace = {
    ...base,
    epoch: frame.epoch,
    lastSeq: frame.seq,
    hasGap: false,
    startedAtMs: base.startedAtMs ?? frame.at_ms,
    lastAtMs: frame.at_ms,
    usage: frame.usage,
  };
  return eventApply(counted, frame.event, frame);
}

export function framesApply(trace: Trace, frames: readonly Frame[]): Trace {
  return frames.reduce(frameApply, trace);
}

/** The trace of a run whose events are kept without their frames: no times, no counters. */
export function traceOf(events: readonly RunEvent[]): Trace {
  let trace = EMPTY_TRACE;
  for (const event of events) {
    const seq = trace.lastSeq + 1;
    trace = eventApply({ ...trace, lastSeq: seq }, event, { seq, at_ms: 0 });
  }
  return trace;
}

/** What an event takes of its frame. */
type At = Pick<Frame, "seq" | "at_ms">;

function eventApply(trace: Trace, event: RunEvent, frame: At): Trace {
  switch (event.type) {
    case "run.started":
      return { ...trace, started: event };
    case "step.open":
      return withStep(trace, {
        kind: event.kind,
        key: `step-${event.step_id}`,
        stepId: event.step_id,
        branchId: event.branch_id,
        startedAtMs: frame.at_ms,
        text: "",
        isOpen: true,
        numTokens: null,
      });
    case "step.delta":
      return withText(trace, event.step_id, (step) => ({ ...step, text: step.text + event.text }));
    case "step.close":
      return withText(trace, event.step_id, (step) => ({
        ...step,
        text: event.text,
        isOpen: false,
        numTokens: event.num_tokens,
      }));
    case "tool.call":
      return withStep(trace, {
        kind: "tool",
        key: `tool-${event.call_id}`,
        callId: event.call_id,
        branchId: event.branch_id,
        startedAtMs: frame.at_ms,
        call: event,
        result: null,
      });
    case "tool.result":
      return {
        ...trace,
        steps: trace.steps.map((step) =>
          step.kind === "tool" && step.callId === event.call_id ? { ...step, result: event } : step,
        ),
      };
    case "verifier.score":
      return withStep(trace, checkStep(trace, event, frame));
    case "branch.open":
      return branchOpened(trace, event, frame);
    case "branch.score":
      return withBranch(trace, event.branch_id, { score: event.score, usage: event.usage });
    case "branch.close":
      return withBranch(trace, event.branch_id, {
        usage: event.usage,
        isClosed: true,
        ...(event.problem === null ? {} : { ending: event.problem }),
      });
    case "branch.prune":
      return withBranch(trace, event.branch_id, { state: "pruned", ending: event.reason });
    case "branch.select":
      return withBranch(trace, event.branch_id, { state: "selected", ending: event.reason });
    case "budget":
      return { ...trace, budget: event };
    case "run.finished":
    case "run.failed":
      return { ...trace, outcome: event, steps: trace.steps.map(stepClosed) };
    default:
      return assertNever(event);
  }
}

function checkStep(trace: Trace, event: VerifierScore, frame: At): CheckStep {
  const targetKey = event.target === "tool" ? `tool-${event.target_id}` : `step-${event.target_id}`;
  const target = trace.steps.find((step) => step.key === targetKey);
  return {
    kind: "check",
    key: `check-${frame.seq}`,
    branchId: target?.branchId ?? 0,
    startedAtMs: frame.at_ms,
    target: event.target,
    targetKey,
    score: event.score,
    verdict: event.verdict,
  };
}

function withStep(trace: Trace, step: Step): Trace {
  return { ...trace, steps: [...trace.steps, step] };
}

function withText(trace: Trace, stepId: number, change: (step: TextStep) => TextStep): Trace {
  const index = trace.steps.findLastIndex((step) => "stepId" in step && step.stepId === stepId);
  const step = trace.steps[index];
  return step ? { ...trace, steps: trace.steps.with(index, change(step as TextStep)) } : trace;
}

const BRANCH_NEW = {
  reason: "",
  ending: "",
  score: null,
  usage: null,
  isClosed: false,
  state: "open",
} as const;

function branchOpened(trace: Trace, event: BranchOpen, frame: At): Trace {
  const step: BranchStep = {
    kind: "branch",
    key: `branch-${event.branch_id}`,
    branchId: event.branch_id,
    startedAtMs: frame.at_ms,
    parentId: event.parent_id,
    reason: event.reason,
  };
  const opened: Branch = {
    ...BRANCH_NEW,
    id: event.branch_id,
    parentId: event.parent_id,
    reason: event.reason,
  };
  const answered = new Set(trace.steps.filter((one) => one.kind === "answer").map((one) => one.branchId));
  const working = new Set(trace.steps.filter((one) => one.kind !== "check").map((one) => one.branchId));
  return {
    ...withStep(trace, step),
    branches: [...trace.branches, opened],
    isSideBySide: trace.isSideBySide || [...working].some((id) => !answered.has(id)),
  };
}

/** Changes a branch; the first one is known only from here when no frame opened it. */
function withBranch(trace: Trace, branchId: number, change: Partial<Branch>): Trace {
  if (!trace.branches.some((branch) => branch.id === branchId)) {
    const first: Branch = { ...BRANCH_NEW, id: branchId, parentId: null, ...change };
    return { ...trace, branches: [first, ...trace.branches] };
  }
  return {
    ...trace,
    branches: trace.branches.map((branch) => (branch.id === branchId ? { ...branch, ...change } : branch)),
  };
}

function stepClosed(step: Step): Step {
  return "isOpen" in step && step.isOpen ? { ...step, isOpen: false } : step;
}

function assertNever(event: never): never {
  throw new Error(`Unknown frame: ${JSON.stringify(event)}`);
}
