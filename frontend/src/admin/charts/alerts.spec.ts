import { describe, expect, it } from "vitest";
import type { Attempt } from "../api_types";
import type { Point } from "../jobs/job_log";
import { jobOf, POINTS } from "../sample_jobs";
import { alertsOf } from "./alerts";

const QUIET = jobOf();

/** A point a second. */
function pointsOf(losses: number[], startMs = 0): Point[] {
  return losses.map((loss, index) => ({
    step: index + 1,
    atMs: startMs + index * 1_000,
    values: { loss },
  }));
}

const steady = Array.from({ length: 40 }, (_, index) => 1 + 0.02 * Math.sin(index));

describe("alerts", () => {
  it("are none on an ordinary curve that falls", () => expect(alertsOf(POINTS, QUIET)).toEqual([]));

  it("name one spike once, at its first step", () => {
    const alerts = alertsOf(pointsOf([...steady, 3, 2.5, 1, 1]), QUIET);
    expect(alerts.map((alert) => [alert.kind, alert.step])).toEqual([["spike", 41]]);
    expect(alerts[0]?.words).toContain("loss 3");
  });

  it("do not call the first steps a spike", () =>
    expect(alertsOf(pointsOf([1, 9, 1, 9, 1]), QUIET)).toEqual([]));

  it("do not call a rise that stays a spike at every step", () => {
    const risen = [...steady, ...steady.map((loss) => loss + 2)];
    expect(alertsOf(pointsOf(risen), QUIET)).toHaveLength(1);
  });

  it("name a stall at the step after which nothing came", () => {
    const points = [...pointsOf(steady), ...pointsOf(steady, 400_000)].map((point, index) => ({
      ...point,
      step: index + 1,
    }));
    expect(alertsOf(points, QUIET).map((alert) => [alert.kind, alert.step])).toEqual([["stall", 40]]);
  });

  it("name a lost node at the last step told before, with the reason", () => {
    const attempt = {
      epoch: 1,
      outcome: "lost",
      ended_at: new Date(20_500).toISOString(),
      end_reason: "the node a did not answer",
    } as Attempt;
    expect(alertsOf(pointsOf(steady), jobOf({ attempts: [attempt] }))).toEqual([
      { kind: "lost", step: 21, atMs: 20_500, words: "the node a did not answer" },
    ]);
  });

  it("name a loss that was no number where the job stopped", () => {
    const failure = { cause: "non_finite_loss", message: "the loss is nan", cure: "" };
    const job = jobOf({ failure, finished_at: new Date(60_000).toISOString() });
    expect(alertsOf(pointsOf(steady), job).map((alert) => [alert.kind, alert.step])).toEqual([
      ["non_finite", 40],
    ]);
  });
});
