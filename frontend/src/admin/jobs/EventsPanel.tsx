/** What happened to a job, newest first: each change of state with its reason, and what the node told besides. */
import { utc } from "../../format/dates";
import { Panel } from "../../ui/Panel";
import type { Attempt, JobDetail, Transition } from "../api_types";
import { a } from "../strings";
import type { JobLog, Mark } from "./job_log";

const clock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

interface Line {
  key: string;
  at: string;
  epoch: number;
  what: string;
  why: string;
}

export function EventsPanel({ job, log }: { job: JobDetail; log: JobLog }) {
  const lines = [...job.transitions.map(ofTransition), ...log.marks.flatMap(ofMark)].sort((one, other) =>
    other.at.localeCompare(one.at),
  );
  return (
    <Panel title={a.events.title}>
      {job.attempts.length > 1 && <Attempts attempts={job.attempts} />}
      <ol aria-label={a.events.title} tabIndex={0} className="scrolls max-h-[360px] overflow-y-auto text-sm">
        {lines.map((line) => (
          <li key={line.key} className="flex gap-4 border-b border-line py-2 last:border-b-0">
            <time dateTime={line.at} title={utc(line.at)} className="figures w-24 shrink-0 text-soft">
              {clock.format(new Date(line.at))}
            </time>
            <span className="min-w-0">
              <span className="font-medium">{line.what}</span>
              {line.epoch > 1 && <span className="text-soft">, {a.events.attempt(line.epoch)}</span>}
              {line.why && <span className="block break-words text-soft">{line.why}</span>}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

const ofTransition = (transition: Transition, index: number): Line => ({
  key: `t${index}`,
  at: transition.at,
  epoch: transition.epoch,
  what: a.jobs.status[transition.to_status],
  why: transition.reason,
});

/** A node's words on what the transitions do not already say. */
function ofMark(mark: Mark): Line[] {
  const what = markWords(mark.event);
  return what
    ? [{ key: `m${mark.seq}`, at: new Date(mark.atMs).toISOString(), epoch: mark.epoch, what, why: "" }]
    : [];
}

function markWords(event: Mark["event"]): string | null {
  switch (event.type) {
    case "job.started":
      return a.events.started(event.step, event.device);
    case "checkpoint":
      return a.events.checkpoint(event.step);
    case "checkpoint.uploaded":
      return a.events.uploaded(event.step);
    case "checkpoint.dropped":
      return a.events.dropped(event.step, event.reason);
    case "eval":
      return a.events.eval(event.step);
    case "job.finished":
      return event.is_complete ? a.events.finished(event.step) : a.events.timeUp(event.step);
    default:
      return null;
  }
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <ul className="flex flex-col gap-1 text-sm" aria-label={a.events.attemptsTitle}>
      {attempts.map((attempt) => (
        <li key={attempt.epoch} className="text-soft">
          <span className="text-ink">{a.events.attempt(attempt.epoch)}</span>{" "}
          {[
            a.events.outcomes[attempt.outcome] ?? attempt.outcome,
            attempt.node_names.join(", "),
            attempt.resumed_from_step === null ? "" : a.events.resumedFrom(attempt.resumed_from_step),
            attempt.end_reason,
          ]
            .filter(Boolean)
            .join("; ")}
        </li>
      ))}
    </ul>
  );
}
