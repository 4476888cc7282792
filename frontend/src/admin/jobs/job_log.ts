/**
 * A job's log as the page needs it: metric points by step, log lines, and the marks between them. Pure; the same
 * reducer takes the log from the database and the live line, so a reload shows what was seen live.
 *
 * Invariant: events are applied in order of `seq` without a gap after `firstSeq`; one that comes twice changes nothing.
 */
import type { JobEvent, LogLevel } from "./job_types";

/** Lines kept in the page: a tab must not grow with a job of days. Older ones are on the server. */
export const LINES_MAX = 5_000;

export interface LoggedEvent {
  seq: number;
  epoch: number;
  node_rank: number;
  at: string;
  event: JobEvent;
}

export interface Point {
  step: number;
  atMs: number;
  values: Record<string, number>;
}

export interface LogLine {
  seq: number;
  epoch: number;
  atMs: number;
  level: LogLevel;
  rank: number;
  text: string;
}

export interface Mark {
  seq: number;
  epoch: number;
  atMs: number;
  event: Exclude<JobEvent, { type: "metric" } | { type: "log" }>;
}

/** The marks among events that were read by themselves. */
export function marksOf(events: LoggedEvent[]): Mark[] {
  return events.flatMap(({ seq, epoch, at, event }) =>
    event.type === "metric" || event.type === "log" ? [] : [{ seq, epoch, atMs: Date.parse(at), event }],
  );
}

export interface JobLog {
  /** Events up to here were not read one by one: what they said of metrics came as a table. */
  firstSeq: number;
  lastSeq: number;
  hasGap: boolean;
  epoch: number;
  points: Point[];
  lines: LogLine[];
  marks: Mark[];
  /** Of the newest metric: seconds that the node thinks are left. */
  etaSeconds: number | null;
}

export const EMPTY_LOG: JobLog = {
  firstSeq: 0,
  lastSeq: 0,
  hasGap: false,
  epoch: 0,
  points: [],
  lines: [],
  marks: [],
  etaSeconds: null,
};

export interface MetricColumns {
  steps: number[];
  at: string[];
  values: Record<string, (number | null)[]>;
  last_seq: number;
}

/** Points of a table of metrics, in order of their steps; a later row of the same step wins. */
export function pointsOf(table: MetricColumns): Point[] {
  const byStep = new Map<number, Point>();
  table.steps.forEach((step, index) => {
    const values: Record<string, number> = {};
    for (const [name, column] of Object.entries(table.values)) {
      const value = column[index];
      if (typeof value === "number") values[name] = value;
    }
    byStep.set(step, { step, atMs: Date.parse(table.at[index] ?? ""), values });
  });
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

/** A log whose metrics up to now came as a table; its events are read one by one from `firstSeq` on. */
export function logSeeded(table: MetricColumns, firstSeq: number): JobLog {
  return { ...EMPTY_LOG, firstSeq, lastSeq: firstSeq, points: pointsOf(table) };
}

export function eventsApply(log: JobLog, events: LoggedEvent[]): JobLog {
  let { lastSeq, hasGap, epoch, etaSeconds } = log;
  let points = log.points;
  const lines: LogLine[] = [];
  const marks: Mark[] = [];
  for (const logged of events) {
    if (logged.seq <= lastSeq) continue;
    if (logged.seq > lastSeq + 1) {
      hasGap = true;
      break;
    }
    lastSeq = logged.seq;
    hasGap = false;
    const { event } = logged;
    const atMs = Date.parse(logged.at);
    if (event.type === "metric") {
      if (logged.node_rank !== 0) continue; // ranks of a gang tell the same step
      if (points === log.points) points = points.slice();
      pointInsert(points, { step: event.step, atMs, values: event.values });
      etaSeconds = event.eta_seconds;
    } else if (event.type === "log") {
      lines.push({
        seq: logged.seq,
        epoch: logged.epoch,
        atMs,
        level: event.level,
        rank: event.rank,
        text: event.text,
      });
    } else {
      if (event.type === "job.started" && logged.epoch > epoch) {
        // A new attempt goes on from a checkpoint: what lay beyond it is made again.
        if (epoch > 0) points = points.filter((point) => point.step <= event.step);
        epoch = logged.epoch;
      }
      marks.push({ seq: logged.seq, epoch: logged.epoch, atMs, event });
    }
  }
  return {
    firstSeq: log.firstSeq,
    lastSeq,
    hasGap,
    epoch,
    etaSeconds,
    points,
    lines: lines.length ? [...log.lines, ...lines].slice(-LINES_MAX) : log.lines,
    marks: marks.length ? [...log.marks, ...marks] : log.marks,
  };
}

/** Keeps the order of steps; the newest word on a step replaces the older one, value by value. */
function pointInsert(points: Point[], point: Point): void {
  const last = points.at(-1);
  if (!last || last.step < point.step) {
    points.push(point);
    return;
  }
  const index = points.findLastIndex((other) => other.step <= point.step);
  const same = points[index];
  if (same?.step === point.step) points[index] = { ...point, values: { ...same.values, ...point.values } };
  else points.splice(index + 1, 0, point);
}

/** The newest value of a metric, and the step that it is of. */
export function latestOf(log: JobLog, name: string): { step: number; value: number } | null {
  const point = log.points.findLast((candidate) => name in candidate.values);
  const value = point?.values[name];
  return point && value !== undefined ? { step: point.step, value } : null;
}

/** Names of the metrics there are, in the order a reader looks for them. */
const FIRST_NAMES = ["loss", "validation_loss", "learning_rate", "gradient_norm", "tokens_per_second"];
export function metricNames(points: Point[]): string[] {
  const names = new Set<string>();
  for (const point of points) for (const name of Object.keys(point.values)) names.add(name);
  const rank = (name: string) =>
    (FIRST_NAMES.indexOf(name) + FIRST_NAMES.length + 1) % (FIRST_NAMES.length + 1);
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The first error of the newest attempt: what a reader looks for. */
export function firstError(log: JobLog): LogLine | null {
  const newest = log.lines.at(-1)?.epoch ?? 0;
  return log.lines.find((line) => line.level === "error" && line.epoch === newest) ?? null;
}

const LEVELS: LogLevel[] = ["debug", "info", "warning", "error"];

/** Lines at or above a level that hold the text, letters' case apart. */
export function linesFound(lines: LogLine[], level: LogLevel, search: string): LogLine[] {
  const wanted = search.trim().toLowerCase();
  const lowest = LEVELS.indexOf(level);
  return lines.filter(
    (line) => LEVELS.indexOf(line.level) >= lowest && (!wanted || line.text.toLowerCase().includes(wanted)),
  );
}
