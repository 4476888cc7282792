/** One run on the page: the question, the rail, the answer that never moves once it stands, what can be done next. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Run } from "../api/types";
import { timeOfDay, utc } from "../format/dates";
import { money } from "../format/numbers";
import { t } from "../strings";
import { runCost } from "../trace/FactsPanel";
import type { RunFollowing } from "../trace/run_follower";
import { TraceRail } from "../trace/TraceRail";
import { liveStepKey, traceAnswer } from "../trace/trace_views";
import { AnswerView } from "./AnswerView";
import { RunSaid } from "./RunSaid";
import { searchWords } from "./SearchChoice";

interface RunViewProps {
  following: RunFollowing;
  initial: Run;
  onAskAgain?: (run: Run) => void;
  onEdit?: (run: Run) => void;
  onFacts: () => void;
  /** A way through the run's search, and the words above it. */
  branch?: { path: ReadonlySet<string>; note: ReactNode } | null;
}

export function RunView({ following, initial, onAskAgain, onEdit, onFacts, branch }: RunViewProps) {
  const run = following.row ?? initial;
  const { log: trace } = following;
  const answer =
    traceAnswer(trace) ??
    (run.answer ? { text: run.answer, isLive: false, verdict: run.verdict, score: run.score } : null);
  const isOver = trace.outcome !== null || (run.status !== "queued" && run.status !== "running");
  const waiting = useWaiting(following, isOver);
  const cost = runCost(run, trace);
  return (
    <article aria-label={run.question} className="flex flex-col gap-6">
      <header className="flex flex-col gap-2">
        <h1
          className={`max-w-[34em] font-serif font-medium tracking-[-0.01em] whitespace-pre-wrap ${run.question.length > 160 ? "text-lg" : "text-xl"}`}
        >
          {run.question}
        </h1>
        <p className="flex flex-wrap gap-x-4 text-sm text-soft">
          <span>{trace.started?.model ?? run.model}</span>
          <span>
            {run.allow_tools ? t.run.toolsOn : t.run.toolsOff}
            {run.verify ? `, ${t.run.checked}` : ""}
            {run.search.strategy !== "none" && `, ${t.search.ask.said(searchWords(run.search))}`}
          </span>
          <time dateTime={run.created_at} title={utc(run.created_at)}>
            {timeOfDay(run.created_at)}
          </time>
          <button
            type="button"
            onClick={onFacts}
            className="figures underline decoration-line-strong underline-offset-4 hover:text-ink xl:hidden max-md:-my-3 max-md:min-h-11"
          >
            {cost.isCharged ? money(cost.nanoUsd) : t.facts.costFree}, {t.facts.open.toLowerCase()}
          </button>
        </p>
      </header>
      <ConnectionBanner following={following} />
      {branch?.note}
      <TraceRail trace={trace} waiting={waiting} path={branch?.path} />
      <AnswerView
        run={run}
        trace={trace}
        answer={answer}
        isOver={isOver}
        onAskAgain={onAskAgain && (() => onAskAgain(run))}
        onEdit={onEdit && (() => onEdit(run))}
      />
      <RunSaid trace={trace} run={run} />
    </article>
  );
}

/** What stands at the rail's end while nothing is being written: a wait is never blank. */
function useWaiting(following: RunFollowing, isOver: boolean): string | null {
  const { log: trace } = following;
  const answer = traceAnswer(trace);
  const isQuiet = !isOver && liveStepKey(trace) === null && !answer;
  const since = useRef(Date.now());
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    if (!isQuiet) return;
    since.current = Date.now();
    setSeconds(0);
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - since.current) / 1_000)), 1_000);
    return () => clearInterval(timer);
  }, [isQuiet]);
  if (!isQuiet) return null;
  if (!trace.started) return seconds < 1 ? t.trace.queued : `${t.trace.waiting}, ${seconds} s`;
  return seconds < 1 ? t.trace.thinking : t.trace.thinkingFor(seconds);
}

function ConnectionBanner({ following }: { following: RunFollowing }) {
  const { line } = following;
  if (line.state === "reconnecting") {
    return (
      <p role="status" className="rounded-md bg-sunk px-3.5 py-2 text-sm">
        <span className="font-medium">{t.run.reconnecting(line.attempt)}</span>{" "}
        <span className="text-soft">{t.run.reconnectingHint}</span>
      </p>
    );
  }
  if (line.state === "refused") {
    return (
      <p role="alert" className="border-l-2 border-reject py-1 pl-4">
        {t.run.refused[line.code] ?? line.message}
      </p>
    );
  }
  return null;
}
