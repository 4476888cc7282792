import { Link } from "@tanstack/react-router";
import type { Run } from "../api/types";
import { money } from "../format/numbers";
import { t } from "../strings";
import { VerdictChip } from "../trace/VerdictChip";
import { MathText } from "../ui/MathText";

/** An earlier question of the same conversation: question, answer, and the way to its reasoning. */
export function PastRun({ run }: { run: Run }) {
  return (
    <article className="flex flex-col gap-2 border-b border-line pb-6">
      <h2 className="font-serif text-lg font-medium whitespace-pre-wrap">{run.question}</h2>
      {run.answer ? (
        <div className="scrolls font-serif text-md">
          <MathText text={run.answer} />
        </div>
      ) : (
        <p className="text-soft">{run.status === "failed" ? t.history.failed : t.history.noAnswer}</p>
      )}
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-soft">
        {run.verify && run.answer && <VerdictChip verdict={run.verdict} score={run.score} />}
        <span className="figures">{money(run.cost_nano_usd)}</span>
        <Link
          to="/runs/$runId"
          params={{ runId: run.id }}
          className="underline decoration-line-strong underline-offset-4 hover:text-ink"
        >
          {t.run.open}
        </Link>
      </p>
    </article>
  );
}
