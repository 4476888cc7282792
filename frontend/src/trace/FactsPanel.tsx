/** The facts at the side of a run: tokens by kind, cost to the last digit, the budget as a thin bar. */
import type { Run } from "../api/types";
import { count, duration, money } from "../format/numbers";
import { t } from "../strings";
import { Kbd } from "../ui/Kbd";
import type { Trace } from "./trace";
import { usageKinds } from "./trace_views";

export interface RunCost {
  nanoUsd: number;
  isCharged: boolean;
}

/** The live cost is the counters at the run's price; once settled it is the ledger's. */
export function runCost(run: Run, trace: Trace): RunCost {
  if (run.status === "failed") return { nanoUsd: 0, isCharged: false };
  const isSettled = run.status === "finished" || run.status === "cancelled";
  const nanoUsd = isSettled
    ? run.cost_nano_usd
    : usageKinds(trace.usage).total * run.price_nano_usd_per_token;
  return { nanoUsd, isCharged: true };
}

export function FactsPanel({ run, trace }: { run: Run; trace: Trace }) {
  const kinds = usageKinds(trace.lastSeq ? trace.usage : run.usage);
  const cost = runCost(run, trace);
  const most = trace.started?.max_total_tokens ?? run.max_total_tokens;
  const tookMs =
    trace.startedAtMs !== null && trace.lastAtMs !== null ? trace.lastAtMs - trace.startedAtMs : null;
  return (
    <section aria-label={t.facts.title} className="flex flex-col gap-1.5">
      <h2 className="mb-1 text-sm font-semibold">{t.facts.title}</h2>
      <dl className="flex flex-col gap-1.5">
        <Fact name={t.facts.prompt} value={count(kinds.prompt)} />
        <Fact name={t.facts.reasoning} value={count(kinds.reasoning)} />
        <Fact name={t.facts.toolResults} value={count(kinds.toolResults)} />
        <Fact name={t.facts.answer} value={count(kinds.answer)} />
        {tookMs !== null && <Fact name={t.facts.took} value={duration(tookMs)} />}
        <Fact name={t.facts.cost} value={cost.isCharged ? money(cost.nanoUsd) : t.facts.costFree} isStrong />
      </dl>
      {most > 0 && (
        <>
          <div
            role="meter"
            aria-label={t.facts.budgetLabel}
            aria-valuemin={0}
            aria-valuemax={most}
            aria-valuenow={Math.min(kinds.total, most)}
            className="mt-1.5 h-1 overflow-hidden rounded-full bg-line"
          >
            <div
              className="h-full bg-accent"
              style={{ width: `${Math.min(100, (kinds.total / most) * 100)}%` }}
            />
          </div>
          <p className="figures text-xs text-soft">{t.facts.budget(kinds.total, most)}</p>
        </>
      )}
    </section>
  );
}

function Fact({ name, value, isStrong = false }: { name: string; value: string; isStrong?: boolean }) {
  return (
    <div className={`flex justify-between gap-4 text-sm ${isStrong ? "font-semibold" : ""}`}>
      <dt className={isStrong ? "" : "text-soft"}>{name}</dt>
      <dd className="figures">{value}</dd>
    </div>
  );
}

export function KeysPanel() {
  return (
    <section aria-label={t.facts.keys}>
      <h2 className="mb-2 text-sm font-semibold">{t.facts.keys}</h2>
      <ul className="flex flex-wrap gap-x-4 gap-y-2 text-sm text-soft">
        {t.facts.keyList.map((entry) => (
          <li key={entry.does} className="flex items-center gap-1.5">
            {entry.keys.map((key) => (
              <Kbd key={key}>{key}</Kbd>
            ))}
            {entry.does}
          </li>
        ))}
      </ul>
    </section>
  );
}
