import { t } from "../strings";
import { TraceRail } from "../trace/TraceRail";
import { EMPTY_TRACE } from "../trace/trace";

/** The moment between Ask and the run's own page: the question stands at once, never a blank wait. */
export function PendingRun({ question }: { question: string }) {
  return (
    <article aria-label={question} aria-busy className="flex flex-col gap-6">
      <h1 className="max-w-[34em] font-serif text-xl font-medium tracking-[-0.01em] whitespace-pre-wrap xl:max-w-[25em]">
        {question}
      </h1>
      <TraceRail trace={EMPTY_TRACE} waiting={t.ask.sending} />
    </article>
  );
}
