/**
 * What a screen reader hears of a run: one polite sentence at a time, at most one per SAY_EVERY_MS, never the
 * streaming text itself.
 */
import { useEffect, useRef, useState } from "react";
import type { Run } from "../api/types";
import { t } from "../strings";
import { toolWords } from "../trace/ToolBody";
import type { Trace } from "../trace/trace";
import { liveStepKey, railSteps, traceAnswer } from "../trace/trace_views";
import { verdictWords } from "../trace/VerdictChip";

const SAY_EVERY_MS = 5_000;

export function saidOf(trace: Trace, run: Run): string {
  if (run.status === "failed" || trace.outcome?.type === "run.failed") return t.run.said.failed;
  if (trace.outcome?.type === "run.finished") {
    if (trace.outcome.finish_reason === "cancelled") return t.run.said.stopped;
    const answer = traceAnswer(trace);
    return `${t.run.said.answer(verdictWords(trace.outcome.verdict, trace.outcome.score))}. ${answer?.text ?? ""}`;
  }
  if (!trace.started) return t.run.said.queued;
  if (trace.isSideBySide) return t.run.said.searching(trace.branches.length);
  const live = liveStepKey(trace);
  const steps = railSteps(trace);
  const index = steps.findIndex((step) => step.key === live);
  const step = steps[index];
  return step?.kind === "tool" ? t.run.said.step(index + 1, toolWords(step)) : t.run.said.thinking;
}

export function RunSaid({ trace, run }: { trace: Trace; run: Run }) {
  const wanted = saidOf(trace, run);
  const [said, setSaid] = useState("");
  const lastAt = useRef(0);
  const isOver = trace.outcome !== null;
  useEffect(() => {
    const wait = isOver ? 0 : Math.max(0, lastAt.current + SAY_EVERY_MS - Date.now());
    const timer = setTimeout(() => {
      lastAt.current = Date.now();
      setSaid(wanted);
    }, wait);
    return () => clearTimeout(timer);
  }, [wanted, isOver]);
  return (
    <p role="status" aria-live="polite" className="sr-only">
      {said}
    </p>
  );
}
