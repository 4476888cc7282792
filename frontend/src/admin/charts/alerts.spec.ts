import { describe, expect, it } from "vitest";
import type { Attempt } from "../api_types";
import type { Mark, Point } from "../jobs/job_log";
import { jobOf, POINTS } from "../sample_jobs";
import { ALERTS_MAX, alertsOf } from "./alerts";

const QUIET = jobOf();
const STEADY: Point[] = Array.from({ length: 40 }, (_, index) => ({
  step: index + 1,
  atMs: index * 1_000,
  values: { loss: 1 },
}));

const told = (kind: "non_finite" | "spike" | "stall", step: number): Mark => ({
  seq: step,
  epoch: 1,
  atMs: step * 1_000,
  event: { type: "alert", kind, step, message: `${kind} at ${step}` },
});

describe("alerts", () => {
  it("are none where the node told none and nothing was lost", () =>
    expect(alertsOf(POINTS, [], QUIET)).toEqual([]));

  it("are what the node told, at its step and in its words, in order of time", () =>
    expect(alertsOf(STEADY, [told("stall", 30), told("spike", 12)], QUIET)).toEqual([
      { kind: "spike", step: 12, atMs: 12_000, words: "spike at 12" },
      { kind: "stall", step: 30, atMs: 30_000, words: "stall at 30" },
    ]));

  it("are the newest only, where there are very many", () => {
    const many = Array.from({ length: ALERTS_MAX + 5 }, (_, index) => told("spike", index + 1));
    expect(alertsOf(STEADY, many, QUIET).map((alert) => alert.step)[0]).toBe(6);
  });

  it("name a lost node at the last step told before, with the reason", () => {
    const attempt = {
      epoch: 1,
      outcome: "lost",
      ended_at: new Date(20_500).toISOString(),
      end_reason: "the node a did not answer",
    } as Attempt;
    expect(alertsOf(STEADY, [], jobOf({ attempts: [attempt] }))).toEqual([
      { kind: "lost", step: 21, atMs: 20_500, words: "the node a did not answer" },
    ]);
  });

  it("name a loss that was no number once, by the node's word where there is one", () => {
    const failure = { cause: "non_finite_loss", message: "the loss is nan", cure: "" };
    const job = jobOf({ failure, finished_at: new Date(60_000).toISOString() });
    expect(alertsOf(STEADY, [], job).map((alert) => [alert.kind, alert.step])).toEqual([["non_finite", 40]]);
    expect(alertsOf(STEADY, [told("non_finite", 39)], job).map((alert) => alert.step)).toEqual([39]);
  });
});
