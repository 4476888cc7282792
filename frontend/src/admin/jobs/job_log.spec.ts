import { describe, expect, it } from "vitest";
import {
  EMPTY_LOG,
  eventsApply,
  firstError,
  LINES_MAX,
  type LoggedEvent,
  latestOf,
  linesFound,
  logSeeded,
  metricNames,
} from "./job_log";
import type { JobEvent } from "./job_types";

let seq = 0;
const logged = (event: JobEvent, epoch = 1, node_rank = 0): LoggedEvent => {
  seq += 1;
  return { seq, epoch, node_rank, at: new Date(1_700_000_000_000 + seq * 1_000).toISOString(), event };
};
const log = (...events: [JobEvent, number?, number?][]) => {
  seq = 0;
  return events.map(([event, epoch, rank]) => logged(event, epoch, rank));
};
const started = (step: number): JobEvent => ({
  type: "job.started",
  step,
  num_steps: 100,
  world_size: 1,
  device: "cpu",
});
const metric = (step: number, loss: number): JobEvent => ({
  type: "metric",
  step,
  values: { loss },
  eta_seconds: 100 - step,
});
const said = (text: string, level: "info" | "warning" | "error" = "info"): JobEvent => ({
  type: "log",
  level,
  rank: 0,
  text,
});

describe("a job's log", () => {
  it("is the same read at once and event by event", () => {
    const events = log([started(0)], [metric(1, 3)], [said("hello")], [metric(2, 2)]);
    const whole = eventsApply(EMPTY_LOG, events);
    expect(events.reduce((state, event) => eventsApply(state, [event]), EMPTY_LOG)).toEqual(whole);
    expect(whole.points.map((point) => point.values.loss)).toEqual([3, 2]);
    expect(whole.lastSeq).toBe(4);
    expect(whole.etaSeconds).toBe(98);
  });

  it("takes no event twice", () => {
    const events = log([started(0)], [metric(1, 3)], [said("hello")]);
    const once = eventsApply(EMPTY_LOG, events);
    expect(eventsApply(once, events)).toEqual(once);
  });

  it("stops at a gap and says so", () => {
    const [first, , third] = log([started(0)], [metric(1, 3)], [metric(2, 2)]) as [
      LoggedEvent,
      LoggedEvent,
      LoggedEvent,
    ];
    const state = eventsApply(EMPTY_LOG, [first, third]);
    expect(state).toMatchObject({ lastSeq: 1, hasGap: true, points: [] });
  });

  it("makes again what lay beyond the checkpoint that a new attempt goes on from", () => {
    const events = log(
      [started(0)],
      [metric(1, 3)],
      [metric(2, 2)],
      [metric(3, 9)],
      [started(2), 2],
      [metric(3, 1), 2],
    );
    expect(eventsApply(EMPTY_LOG, events.slice(0, 5)).points.map((point) => point.step)).toEqual([1, 2]);
    expect(latestOf(eventsApply(EMPTY_LOG, events), "loss")).toEqual({ step: 3, value: 1 });
  });

  it("draws one rank of a gang", () => {
    const events = log([started(0)], [metric(1, 3)], [metric(1, 7), 1, 1]);
    expect(latestOf(eventsApply(EMPTY_LOG, events), "loss")?.value).toBe(3);
  });

  it("joins the values that a step has in two frames", () => {
    const validation: JobEvent = {
      type: "metric",
      step: 1,
      values: { validation_loss: 4 },
      eta_seconds: null,
    };
    const state = eventsApply(EMPTY_LOG, log([started(0)], [metric(1, 3)], [validation]));
    expect(state.points).toHaveLength(1);
    expect(state.points[0]?.values).toEqual({ loss: 3, validation_loss: 4 });
    expect(metricNames(state.points)).toEqual(["loss", "validation_loss"]);
  });

  it("goes on from a table of metrics", () => {
    const table = {
      steps: [1, 2],
      at: ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
      values: { loss: [3, null] },
      last_seq: 9,
    };
    const state = logSeeded(table, 9);
    expect(state.points.map((point) => point.values)).toEqual([{ loss: 3 }, {}]);
    const next = { ...logged(metric(3, 1)), seq: 10 };
    expect(eventsApply(state, [next]).points.map((point) => point.step)).toEqual([1, 2, 3]);
  });

  it("keeps the newest lines only", () => {
    const events = log(
      ...Array.from({ length: LINES_MAX + 5 }, (_, index) => [said(`line ${index}`)] as [JobEvent]),
    );
    const { lines } = eventsApply(EMPTY_LOG, events);
    expect(lines).toHaveLength(LINES_MAX);
    expect(lines[0]?.text).toBe("line 5");
  });

  it("finds lines by level and text, and the first error of the newest attempt", () => {
    const events = log(
      [said("old error", "error")],
      [said("step 1")],
      [said("Out of memory", "error"), 2],
      [said("a second error", "error"), 2],
      [said("careful", "warning"), 2],
    );
    const state = eventsApply(EMPTY_LOG, events);
    expect(linesFound(state.lines, "warning", "").map((line) => line.text)).toEqual([
      "old error",
      "Out of memory",
      "a second error",
      "careful",
    ]);
    expect(linesFound(state.lines, "debug", "MEMORY")).toHaveLength(1);
    expect(firstError(state)?.text).toBe("Out of memory");
  });
});
