/**
 * What went oddly, at its step: what the node said of the curve (a loss that is no number, a spike, a stall), a node that
 * was lost, and how the job failed. The node finds the first three; the backend's word on the attempts gives the rest.
 */
import type { JobDetail } from "../api_types";
import type { Mark, Point } from "../jobs/job_log";
import { a } from "../strings";
import type { XAxis } from "./series";

export type AlertKind = "non_finite" | "spike" | "stall" | "lost" | "failed";

export interface Alert {
  kind: AlertKind;
  step: number;
  atMs: number;
  words: string;
}

export const ALERTS_MAX = 50; // the newest; a run that spikes at every step is told by its curve

export function alertsOf(
  points: Point[],
  marks: Mark[],
  job: Pick<JobDetail, "attempts" | "failure" | "finished_at">,
): Alert[] {
  const told = marks.flatMap(({ event, atMs }): Alert[] =>
    event.type === "alert" ? [{ kind: event.kind, step: event.step, atMs, words: event.message }] : [],
  );
  const isNonFiniteTold = told.some((alert) => alert.kind === "non_finite");
  const others = losses(points, job).filter((alert) => !(isNonFiniteTold && alert.kind === "non_finite"));
  return [...told, ...others].sort((one, other) => one.atMs - other.atMs).slice(-ALERTS_MAX);
}

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
