/** The answer, its verdict, how the run ended when it did not end well, and the actions that follow. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Run } from "../api/types";
import { spansOf } from "../format/latex";
import { t } from "../strings";
import { runCost } from "../trace/FactsPanel";
import type { Trace } from "../trace/trace";
import { type Answer, usageKinds } from "../trace/trace_views";
import { VerdictChip } from "../trace/VerdictChip";
import { Button } from "../ui/Button";
import { CopyButton } from "../ui/CopyButton";
import { MathText } from "../ui/MathText";

const LONG_ANSWER = 220; // characters: beyond it the answer is prose, and set smaller

interface AnswerViewProps {
  run: Run;
  trace: Trace;
  answer: Answer | null;
  isOver: boolean;
  onAskAgain?: () => void;
  onEdit?: () => void;
}

export function AnswerView({ run, trace, answer, isOver, onAskAgain, onEdit }: AnswerViewProps) {
  const ending = isOver ? endingWords(run, trace, answer) : null;
  if (!answer && !ending) return null;
  return (
    <section aria-label={t.facts.answer} data-answer className="ml-9 border-t border-line pt-5 max-sm:ml-0">
      {answer && isOver && (run.verify || answer.verdict) && (
        <div className="mb-3">
          <VerdictChip verdict={answer.verdict} score={answer.score} />
        </div>
      )}
      {answer && (
        <div
          className={`scrolls font-serif whitespace-pre-wrap ${answer.text.length > LONG_ANSWER ? "text-md" : "text-[23px] leading-[34px]"}`}
        >
          {answer.isLive ? answer.text : <MathText text={answer.text} />}
        </div>
      )}
      {ending && (
        <p
          className={`max-w-[60ch] ${answer ? "mt-3" : ""} ${run.status === "failed" ? "text-reject" : "text-soft"}`}
        >
          {ending}
          {isShort(run) && (
            <>
              {" "}
              <Link to="/billing" className="underline underline-offset-4">
                {t.errors.toBilling}
              </Link>
            </>
          )}
        </p>
      )}
      {isOver && (
        <div className="mt-5 flex flex-wrap gap-2">
          {answer && <CopyButton text={answer.text} label={t.run.copy} />}
          {answer && <CopyLatex text={answer.text} />}
          {onAskAgain && <Button onClick={onAskAgain}>{t.run.askAgain}</Button>}
          {onEdit && <Button onClick={onEdit}>{t.run.edit}</Button>}
          {trace.lastSeq > 0 && <Download run={run} trace={trace} />}
        </div>
      )}
    </section>
  );
}

/** What is longer than a context is refused before a run begins: here the credit did not cover the question itself. */
const isShort = (run: Run) => run.error?.code === "prompt_too_long";

function endingWords(run: Run, trace: Trace, answer: Answer | null): string | null {
  const outcome = trace.outcome;
  if (isShort(run)) return t.run.short(run.max_total_tokens);
  if (run.status === "failed" || outcome?.type === "run.failed") {
    const why =
      run.error?.message || (outcome?.type === "run.failed" && outcome.message) || t.run.failedUnknown;
    return t.run.failed(why);
  }
  const reason = run.finish_reason ?? (outcome?.type === "run.finished" ? outcome.finish_reason : null);
  const kinds = usageKinds(trace.lastSeq ? trace.usage : run.usage);
  if (reason === "cancelled" || run.status === "cancelled") {
    return t.run.stopped(kinds.reasoning + kinds.answer, runCost(run, trace).nanoUsd);
  }
  if (reason === "budget") return t.run.budget(trace.started?.max_total_tokens ?? run.max_total_tokens);
  if (reason === "length") return t.run.length;
  return answer ? null : t.run.noAnswer;
}

function CopyLatex({ text }: { text: string }): ReactNode {
  const spans = spansOf(text);
  if (!spans.some((span) => span.kind === "math")) return null;
  const latex = spans
    .map((span) => (span.kind === "math" && spans.length > 1 ? `$${span.text}$` : span.text))
    .join("");
  return <CopyButton text={latex} label={t.run.copyLatex} />;
}

function Download({ run, trace }: { run: Run; trace: Trace }) {
  const save = () => {
    const blob = new Blob([JSON.stringify({ run, trace }, null, 2)], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${run.id}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return <Button onClick={save}>{t.run.download}</Button>;
}
