import { describe, expect, it } from "vitest";
import {
  cubesEvents,
  cubesLive,
  finished,
  framesOf,
  pythonCall,
  pythonResult,
  repairEvents,
  started,
  thought,
} from "../dev/sample_frames";
import { EMPTY_TRACE, frameApply, framesApply, type Step, type TextStep, traceOf } from "./trace";
import { answerStep, liveStepKey, railSteps, stepMs, traceAnswer, usageKinds } from "./trace_views";

const whole = framesOf(cubesEvents);
const trace = framesApply(EMPTY_TRACE, whole);

describe("the reducer", () => {
  it("gives the same trace for any split into live and replayed frames", () => {
    for (let split = 0; split <= whole.length; split += 1) {
      const replayed = framesApply(EMPTY_TRACE, whole.slice(0, split));
      expect(framesApply(replayed, whole.slice(split))).toEqual(trace);
    }
  });

  it("applies a repeated frame once", () => {
    const twice = whole.flatMap((frame) => [frame, frame]);
    expect(framesApply(EMPTY_TRACE, twice)).toEqual(trace);
  });

  it("stops at a gap and says so, and goes on when it is filled", () => {
    const holed = framesApply(EMPTY_TRACE, [...whole.slice(0, 3), ...whole.slice(4)]);
    expect(holed.hasGap).toBe(true);
    expect(holed.lastSeq).toBe(3);
    expect(framesApply(holed, whole.slice(3))).toEqual(trace);
  });

  it("refuses frames of an older epoch and starts anew with a newer one", () => {
    const second = framesOf(cubesEvents, { epoch: 2 });
    const moved = framesApply(framesApply(EMPTY_TRACE, whole.slice(0, 5)), second);
    expect(moved.epoch).toBe(2);
    expect(moved.lastSeq).toBe(whole.length);
    expect(frameApply(moved, { ...(whole[0] as (typeof whole)[0]), seq: moved.lastSeq + 1 })).toBe(moved);
  });

  it("trusts a closed step's text over its deltas", () => {
    const [open, , , close] = thought(7, "all of it", 3);
    const joined = framesApply(EMPTY_TRACE, framesOf([started, open, close] as never));
    expect((joined.steps[0] as TextStep).text).toBe("all of it");
  });

  it("carries the counters of the last frame", () => {
    expect(trace.usage).toEqual(whole.at(-1)?.usage);
    const kinds = usageKinds(trace.usage);
    expect(kinds.prompt + kinds.toolResults + kinds.reasoning + kinds.answer).toBe(kinds.total);
  });

  it("closes what was open when the run ends", () => {
    const cut = framesApply(
      EMPTY_TRACE,
      framesOf([started, ...thought(1, "half a thou", 3).slice(0, 2), finished("")]),
    );
    expect((cut.steps[0] as TextStep).isOpen).toBe(false);
  });
});

describe("a trace of events without their frames", () => {
  it("has the steps that the frames give, but for their times", () => {
    const bare = traceOf(cubesEvents.filter((event) => event.type !== "step.delta"));
    const words = (steps: Step[]) => steps.map((step) => ({ ...step, startedAtMs: 0, key: step.kind }));
    expect(words(bare.steps)).toEqual(words(trace.steps));
    expect(bare.outcome).toEqual(trace.outcome);
  });
});

describe("what the page reads off a trace", () => {
  it("keeps the answer and its check off the rail", () => {
    expect(railSteps(trace).map((step) => step.kind)).toEqual(["thought", "tool", "check", "thought"]);
    expect(traceAnswer(trace)).toEqual({
      text: "Yes. 1729 = 1^3 + 12^3 = 9^3 + 10^3",
      isLive: false,
      verdict: "accept",
      score: 0.97,
    });
  });

  it("knows the live step: an open thought, then a tool without its result", () => {
    expect(liveStepKey(framesApply(EMPTY_TRACE, framesOf(cubesLive.slice(0, 3))))).toBe("step-1");
    const calling = framesApply(EMPTY_TRACE, framesOf([started, pythonCall]));
    expect(liveStepKey(calling)).toBe("tool-1");
    expect(liveStepKey(framesApply(EMPTY_TRACE, framesOf([started, pythonCall, pythonResult])))).toBeNull();
    expect(liveStepKey(trace)).toBeNull();
  });

  it("puts a rejected answer on the rail, with its check, and shows the next try's", () => {
    const repaired = framesApply(EMPTY_TRACE, framesOf(repairEvents));
    const kinds = railSteps(repaired).map((step) => step.kind);
    expect(kinds).toEqual([
      "thought",
      "tool",
      "thought",
      "tool",
      "check",
      "answer",
      "check",
      "branch",
      "thought",
    ]);
    expect(answerStep(repaired)?.stepId).toBe(92);
    expect(repaired.branches.map((branch) => branch.state)).toEqual(["open", "selected"]);
    expect(repaired.isSideBySide).toBe(false);
  });

  it("shows the kept answer when the run ended with an earlier try's", () => {
    const events = [...repairEvents.slice(0, -2), finished("[-2, 2]", 0.2)];
    const kept = framesApply(
      EMPTY_TRACE,
      framesOf(events.filter((event) => !("step_id" in event && event.step_id > 91))),
    );
    expect(traceAnswer(kept)?.text).toBe("[-2, 2]");
  });

  it("measures a step to the start of the next", () => {
    expect(stepMs(trace, "step-1")).toBe(4 * 140);
    expect(stepMs(trace, "none")).toBeNull();
  });
});
