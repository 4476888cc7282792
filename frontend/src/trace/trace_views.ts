/**
 * What the page reads off a trace: which step is live, which text is the answer, what may be folded, what to say.
 * Pure; nothing here is stored, so it cannot disagree with the trace.
 */
import type { Usage } from "../protocol.gen";
import type { CheckStep, Step, TextStep, Trace, Verdict } from "./trace";

export interface Answer {
  text: string;
  isLive: boolean;
  verdict: Verdict | null;
  score: number | null;
}

const isAnswer = (step: Step): step is TextStep => step.kind === "answer" || step.kind === "text";

/**
 * The step that stays on the answer's place below the rail: the last answer or raw text, if it was not given up.
 * Of branches that run side by side none is the answer before the run has chosen: the answer never moves.
 */
export function answerStep(trace: Trace): TextStep | null {
  const { outcome } = trace;
  if (outcome?.type === "run.finished" && !(trace.isSideBySide && outcome.finish_reason === "cancelled")) {
    const ofBranch = (step: Step) => step.branchId === outcome.branch_id;
    return trace.steps.findLast((step): step is TextStep => isAnswer(step) && ofBranch(step)) ?? null;
  }
  if (trace.isSideBySide) return null;
  const step = trace.steps.findLast(isAnswer);
  const isReplaced =
    step && trace.steps.slice(trace.steps.indexOf(step)).some(({ kind }) => kind === "branch");
  return step && !isReplaced ? step : null;
}

export function traceAnswer(trace: Trace): Answer | null {
  const step = answerStep(trace);
  const outcome = trace.outcome;
  if (outcome?.type === "run.finished") {
    const text = outcome.answer || step?.text || "";
    return text ? { text, isLive: false, verdict: outcome.verdict, score: outcome.score } : null;
  }
  if (!step?.text) return null;
  const check = answerCheck(trace, step);
  return {
    text: step.text,
    isLive: step.isOpen,
    verdict: check?.verdict ?? null,
    score: check?.score ?? null,
  };
}

function answerCheck(trace: Trace, step: TextStep): CheckStep | null {
  const check = trace.steps.findLast(
    (candidate): candidate is CheckStep =>
      candidate.kind === "check" && candidate.target === "answer" && candidate.targetKey === step.key,
  );
  return check ?? null;
}

/**
 * The rail: every step but the answer and its own check, which stand below it. With `path`, only the steps of
 * these keys: a way through a search.
 */
export function railSteps(trace: Trace, path: ReadonlySet<string> | null = null): Step[] {
  const answer = answerStep(trace);
  return trace.steps.filter(
    (step) =>
      (!path || path.has(step.key)) &&
      step !== answer &&
      !(answer && step.kind === "check" && step.target === "answer" && step.targetKey === answer.key) &&
      !("text" in step && !step.isOpen && !step.text.trim()),
  );
}

/** The key of the step in progress: an open text, or a tool without its result. */
export function liveStepKey(trace: Trace, steps: readonly Step[] = trace.steps): string | null {
  if (trace.outcome) return null;
  return steps.findLast(isLiveStep)?.key ?? null;
}

export const isLiveStep = (step: Step): boolean =>
  ("isOpen" in step && step.isOpen) || (step.kind === "tool" && !step.result);

/** Tokens in the four kinds the page shows; they add up to the total that is charged. */
export function usageKinds(usage: Usage): {
  prompt: number;
  reasoning: number;
  toolResults: number;
  answer: number;
  total: number;
} {
  return {
    prompt: usage.prompt_tokens - usage.tool_result_tokens,
    reasoning: usage.reasoning_tokens,
    toolResults: usage.tool_result_tokens,
    answer: usage.completion_tokens - usage.reasoning_tokens,
    total: usage.prompt_tokens + usage.completion_tokens,
  };
}

/** Milliseconds a step took: to the next step's start, or to the last frame for the last one. */
export function stepMs(trace: Trace, key: string): number | null {
  const index = trace.steps.findIndex((step) => step.key === key);
  const step = trace.steps[index];
  if (!step) return null;
  const end = trace.steps[index + 1]?.startedAtMs ?? trace.lastAtMs;
  return end === null ? null : Math.max(0, end - step.startedAtMs);
}
