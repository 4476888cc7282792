/** The one line that says how a job stands. */
import type { ReactNode } from "react";
import { utc } from "../../format/dates";
import { count, money } from "../../format/numbers";
import { useNow } from "../../ui/use_now";
import type { JobRow } from "../api_types";
import { valueWords } from "../charts/series";
import { a } from "../strings";
import { etaRange, rangeWords, secondsWords } from "./eta";
import { roundedUp } from "./JobTable";
import { type JobLog, latestOf } from "./job_log";
import { isEnded, shareDone } from "./job_words";
import { ProgressBar } from "./ProgressBar";
import { StateWord } from "./StateWord";

export function StatusLine({ job, log }: { job: JobRow; log: JobLog }) {
  const { facts } = a.job;
  const step = Math.max(job.step, log.points.at(-1)?.step ?? 0);
  const share = shareDone({ ...job, step });
  return (
    <div className="flex flex-col gap-2">
      <dl
        className="flex flex-wrap overflow-hidden rounded-lg border border-line bg-raised shadow-panel"
        aria-label={facts.state}
      >
        <Fact name={facts.state}>
          <StateWord job={job} />
        </Fact>
        {(job.num_steps || step > 0) && (
          <Fact name={facts.step}>
            {a.jobs.stepOf(step, job.num_steps)}
            {share !== null && <Small>{Math.floor(share * 100)} %</Small>}
          </Fact>
        )}
        {!isEnded(job) && job.status !== "queued" && <Fact name={facts.left}>{leftWords(job, log)}</Fact>}
        <Values job={job} log={log} />
        <Fact name={facts.node}>{job.node_names.join(", ") || a.jobs.noNode}</Fact>
        <LastCheckpoint log={log} />
        {!isEnded(job) && job.last_event_at && <Heartbeat at={job.last_event_at} />}
        {(job.spent_nano_usd > 0 || job.budget_nano_usd !== null) && (
          <Fact name={facts.spent}>
            {money(roundedUp(job.spent_nano_usd))}
            {job.budget_nano_usd !== null && <Small>{a.job.budgetOf(job.budget_nano_usd)}</Small>}
          </Fact>
        )}
      </dl>
      {share !== null && job.status !== "queued" && <ProgressBar share={share} label={facts.step} />}
    </div>
  );
}

const SHOWN = [
  { name: "loss", label: a.job.facts.loss },
  { name: "tokens_per_second", label: a.job.facts.speed },
  { name: "learning_rate", label: a.job.facts.rate },
  { name: "gradient_norm", label: a.job.facts.norm },
];

function Values({ job, log }: { job: JobRow; log: JobLog }) {
  return SHOWN.map(({ name, label }) => {
    const value = latestOf(log, name)?.value ?? job.values[name];
    return value === undefined ? null : (
      <Fact key={name} name={label}>
        {name === "tokens_per_second" ? count(Math.round(value)) : valueWords(value)}
      </Fact>
    );
  });
}

function LastCheckpoint({ log }: { log: JobLog }) {
  const newest = log.marks.findLast((mark) => mark.event.type === "checkpoint")?.event;
  if (newest?.type !== "checkpoint") return null;
  return <Fact name={a.job.facts.checkpoint}>{a.job.stepAt(newest.step)}</Fact>;
}

function Heartbeat({ at }: { at: string }) {
  const now = useNow(1_000);
  const seconds = Math.max(0, (now - Date.parse(at)) / 1_000);
  return (
    <Fact name={a.job.facts.heartbeat}>
      <time dateTime={at} title={utc(at)}>
        {a.job.ago(secondsWords(seconds))}
      </time>
    </Fact>
  );
}

function leftWords(job: JobRow, log: JobLog): string {
  const range = etaRange(log.points, job.num_steps, log.etaSeconds ?? job.eta_seconds);
  return range ? rangeWords(range) : a.job.leftUnknown;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="-mr-px -mb-px min-w-26 flex-auto border-r border-b border-line px-4 py-2.5">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="figures text-md font-medium whitespace-nowrap">{children}</dd>
    </div>
  );
}

function Small({ children }: { children: ReactNode }) {
  return <span className="ml-2 text-xs font-normal text-soft">{children}</span>;
}
