/**
 * The reasoning as a rail of steps: a list to a screen reader, a thin line with marks to the eye.
 * A finished thought folds to one line, a tool's step stays open while it is among the last few; a reader's own
 * choice wins over both and is never undone by the run.
 */
import { type ReactNode, useState } from "react";
import { duration } from "../format/numbers";
import { t } from "../strings";
import { ScoreBar } from "./ScoreBar";
import { StepMark } from "./StepMark";
import { ToolBody, toolWords } from "./ToolBody";
import type { CheckStep, Step, TextStep, ToolStep, Trace } from "./trace";
import { liveStepKey, railSteps } from "./trace_views";

const TOOLS_OPEN_MAX = 3; // later tools fold earlier ones: the eye stays near the answer
const THOUGHT_LINE_MAX = 110; // characters that fit one line beside the step's name

interface RailProps {
  trace: Trace;
  waiting: string | null;
  /** Only the steps of these keys: a way through a search. */
  path?: ReadonlySet<string> | null;
}

export function TraceRail({ trace, waiting, path = null }: RailProps) {
  const steps = railSteps(trace, path);
  const live = liveStepKey(trace, steps);
  const tools = steps.filter((step) => step.kind === "tool").map((step) => step.key);
  const foldedTools = new Set(tools.slice(0, Math.max(0, tools.length - TOOLS_OPEN_MAX)));
  if (!steps.length && !waiting) return null;
  return (
    <ol aria-label={t.trace.label} aria-busy={trace.outcome === null} className="relative flex flex-col">
      {steps.map((step, index) => (
        <RailItem
          key={step.key}
          step={step}
          isLive={step.key === live}
          isLast={index === steps.length - 1 && !waiting}
        >
          <StepBody
            step={step}
            trace={trace}
            isLive={step.key === live}
            isFolded={foldedTools.has(step.key)}
          />
        </RailItem>
      ))}
      {waiting && (
        <RailItem step={null} isLive isLast>
          <p className="figures py-1 text-soft">{waiting}</p>
        </RailItem>
      )}
    </ol>
  );
}

function RailItem(props: { step: Step | null; isLive: boolean; isLast: boolean; children: ReactNode }) {
  return (
    <li
      data-step={props.step?.key ?? "waiting"}
      tabIndex={-1}
      className="appearing relative scroll-mt-6 rounded-md pb-2 pl-9 outline-offset-0"
    >
      {!props.isLast && (
        <span aria-hidden="true" className="absolute top-[18px] -bottom-[8px] left-[9.5px] w-px bg-line" />
      )}
      <StepMark step={props.step} isLive={props.isLive} />
      {props.children}
    </li>
  );
}

function StepBody(props: { step: Step; trace: Trace; isLive: boolean; isFolded: boolean }) {
  const { step } = props;
  switch (step.kind) {
    case "thought":
    case "answer":
    case "text":
      return <TextBody step={step} isLive={props.isLive} />;
    case "tool":
      return <ToolItem step={step} trace={props.trace} isFolded={props.isFolded} />;
    case "check":
      return <CheckBody step={step} />;
    case "branch":
      return (
        <p className="py-1 text-sm">
          <span className="font-semibold">
            {props.trace.isSideBySide ? t.search.branch(step.branchId) : t.trace.branch}
          </span>{" "}
          <span className="text-soft">{step.reason}</span>
        </p>
      );
  }
}

const TEXT_NAMES = { thought: t.trace.thought, answer: t.trace.answerDraft, text: t.trace.text };

function TextBody({ step, isLive }: { step: TextStep; isLive: boolean }) {
  const [choice, setChoice] = useState<boolean | null>(null);
  if (isLive) {
    return (
      <p className="py-0.5 font-serif text-md whitespace-pre-wrap">
        <span className="sr-only">{t.trace.thinking}: </span>
        {step.text || <span className="font-sans text-base text-soft">{t.trace.thinking}</span>}
      </p>
    );
  }
  const isLong = step.text.length > THOUGHT_LINE_MAX || step.text.includes("\n");
  const isOpen = isLong && (choice ?? false);
  return (
    <div className="flex items-baseline justify-between gap-6 py-1">
      <div className="min-w-0 flex-1">
        {isLong ? (
          <>
            <button
              type="button"
              data-step-toggle
              aria-expanded={isOpen}
              onClick={() => setChoice(!isOpen)}
              className="flex w-full items-baseline gap-2 text-left text-sm"
            >
              <span className="font-semibold">{TEXT_NAMES[step.kind]}</span>
              {!isOpen && <span className="min-w-0 truncate text-soft">{step.text}</span>}
            </button>
            {isOpen && <p className="mt-1 font-serif text-md whitespace-pre-wrap">{step.text}</p>}
          </>
        ) : (
          <p className="text-sm">
            <span className="font-semibold">{TEXT_NAMES[step.kind]}</span>{" "}
            <span className="ml-1 text-soft">{step.text}</span>
          </p>
        )}
      </div>
      {step.numTokens !== null && (
        <span className="figures text-xs whitespace-nowrap text-soft max-sm:hidden">
          {t.trace.tokens(step.numTokens)}
        </span>
      )}
    </div>
  );
}

function ToolItem({ step, trace, isFolded }: { step: ToolStep; trace: Trace; isFolded: boolean }) {
  const [choice, setChoice] = useState<boolean | null>(null);
  const isOpen = choice ?? (!isFolded || !step.result);
  if (isOpen) {
    return (
      <div className="pb-1">
        <ToolBody step={step} fence={trace.started?.fence_tier ?? null} />
        {isFolded && <FoldButton onClick={() => setChoice(false)} />}
      </div>
    );
  }
  const { result } = step;
  return (
    <button
      type="button"
      data-step-toggle
      aria-expanded={false}
      onClick={() => setChoice(true)}
      className="flex w-full items-baseline justify-between gap-4 py-1 text-left text-sm"
    >
      <span className="min-w-0 truncate">
        <span className="font-semibold">{toolWords(step)}</span>{" "}
        <span className="ml-1 font-mono text-xs text-soft">{result?.text.split("\n")[0]}</span>
      </span>
      <span className="figures text-xs whitespace-nowrap text-soft">
        {result ? duration(result.wall_ms) : ""}
      </span>
    </button>
  );
}

function FoldButton({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      data-step-toggle
      aria-expanded
      onClick={onClick}
      className="mt-1 text-xs text-soft hover:text-ink"
    >
      {t.trace.fold}
    </button>
  );
}

function CheckBody({ step }: { step: CheckStep }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2.5 py-1 text-sm" title={t.trace.checkHint}>
      <span className="font-semibold">{t.trace.checked}</span>
      <span className="text-soft">{t.trace.checkWords[step.verdict]}</span>
      <ScoreBar score={step.score} verdict={step.verdict} />
    </p>
  );
}
