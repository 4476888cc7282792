/**
 * What went oddly, at its step: a loss that is no number, a spike, a stall, a node that was lost. Derived from the
 * points and from what the backend says of the attempts; nothing is stored. Pure.
 */
import type { JobDetail } from "../api_types";
import { secondsWords } from "../jobs/eta";
import type { Point } from "../jobs/job_log";
import { a } from "../strings";
import { valueWords, type XAxis } from "./series";

export type AlertKind = "non_finite" | "spike" | "stall" | "lost" | "failed";

export interface Alert {
  kind: AlertKind;
  step: number;
  atMs: number;
  words: string;
}

const WINDOW = 50; // steps looked back: a loss is odd beside its neighbours, not beside the start
const WINDOW_MIN = 10; // fewer say nothing of what is usual
const SPIKE_DEVIATIONS = 8; // of the median deviation: ordinary noise stays within about 4
const SPIKE_SHARE = 0.25; // and at least this much above: a curve that lies still has no deviation
const STALL_TIMES = 10; // the usual step's length
const STALL_SECONDS_MIN = 30;
export const ALERTS_MAX = 50; // the newest; a run that spikes at every step is told by its curve

export function alertsOf(
  points: Point[],
  job: Pick<JobDetail, "attempts" | "failure" | "finished_at">,
): Alert[] {
  const found = [...spikes(points), ...stalls(points), ...losses(points, job)];
  found.sort((one, other) => one.atMs - other.atMs);
  return found.slice(-ALERTS_MAX);
}

function median(values: number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The first step of each excursion: one spike is one alert, however long it takes to come down. */
function spikes(points: Point[]): Alert[] {
  const found: Alert[] = [];
  const usual: number[] = [];
  let isAbove = false;
  for (const point of points) {
    const loss = point.values.loss;
    if (loss === undefined || !Number.isFinite(loss)) continue;
    const isSpike = usual.length >= WINDOW_MIN && loss > spikeAbove(usual);
    if (isSpike && !isAbove) {
      const words = a.alerts.spike(valueWords(loss), valueWords(median(usual)));
      found.push({ kind: "spike", step: point.step, atMs: point.atMs, words });
    }
    isAbove = isSpike;
    // The spike itself is not what is usual, unless it stays: then the window takes it in and calls it so no more.
    usual.push(loss);
    if (usual.length > WINDOW) usual.shift();
  }
  return found;
}

function spikeAbove(usual: number[]): number {
  const middle = median(usual);
  const deviation = median(usual.map((value) => Math.abs(value - middle)));
  return middle + Math.max(SPIKE_DEVIATIONS * deviation, SPIKE_SHARE * Math.abs(middle));
}

function stalls(points: Point[]): Alert[] {
  const paces = points.slice(1).map((point, index) => secondsBetween(points[index], point));
  const usual = median(paces.filter((seconds) => seconds > 0));
  if (paces.length < WINDOW_MIN || usual <= 0) return [];
  const least = Math.max(STALL_SECONDS_MIN, STALL_TIMES * usual);
  return points.slice(1).flatMap((point, index): Alert[] => {
    const before = points[index];
    const took = secondsBetween(before, point);
    if (!before || took < least) return [];
    const words = a.alerts.stall(secondsWords(took), secondsWords(usual));
    return [{ kind: "stall", step: before.step, atMs: before.atMs, words }];
  });
}

const secondsBetween = (before: Point | undefined, after: Point): number =>
  before && after.step > before.step ? (after.atMs - before.atMs) / 1_000 / (after.step - before.step) : 0;

/** Attempts that were lost, and how the job failed, at the last step that had been told by then. */
function losses(points: Point[], job: Pick<JobDetail, "attempts" | "failure" | "finished_at">): Alert[] {
  const found: Alert[] = [];
  for (const attempt of job.attempts) {
    if (attempt.outcome !== "lost" || !attempt.ended_at) continue;
    found.push(at(points, "lost", Date.parse(attempt.ended_at), attempt.end_reason));
  }
  if (job.failure && job.finished_at) {
    const isNonFinite = job.failure.cause === "non_finite_loss";
    const words = isNonFinite ? a.alerts.nonFinite : job.failure.message;
    found.push(at(points, isNonFinite ? "non_finite" : "failed", Date.parse(job.finished_at), words));
  }
  return found;
}

function at(points: Point[], kind: AlertKind, atMs: number, words: string): Alert {
  const last = points.findLast((point) => point.atMs <= atMs) ?? points[0];
  return { kind, step: last?.step ?? 0, atMs, words };
}

/** What stands at an alert's place on the curve and before its line in the list. */
export const markOf = (index: number): string => String(index + 1);

/** Where an alert stands on the x axis: its step, or the minutes since the first point. */
export function alertX(alert: Alert, points: Point[], xAxis: XAxis): number {
  return xAxis === "step" ? alert.step : (alert.atMs - (points[0]?.atMs ?? alert.atMs)) / 60_000;
}
