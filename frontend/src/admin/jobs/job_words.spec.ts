import { describe, expect, it } from "vitest";
import { jobOf } from "../sample_jobs";
import { ordinal } from "../strings";
import { jobTitle, shareDone, stateHint } from "./job_words";

describe("what a job's row says", () => {
  it("names the place in the queue and why it waits", () => {
    const job = jobOf({ status: "queued", queue_position: 3, waiting_reason: "no node has 71 GB free" });
    expect(stateHint(job)).toBe("3rd in line; no node has 71 GB free");
    expect(stateHint({ ...job, queue_position: 1, waiting_reason: "" })).toBe("next in line");
  });
  it("says what was asked and is not yet done", () =>
    expect(stateHint(jobOf({ wish: "pause" }))).toBe("will pause after this step"));
  it("says why it failed", () => {
    const failure = { cause: "out_of_memory", message: "71 of 45 GB", cure: "lower batch_tokens" };
    expect(stateHint(jobOf({ status: "failed", failure }))).toBe("71 of 45 GB");
  });
  it("knows how far it is, where the whole is known", () => {
    expect(shareDone(jobOf({ step: 25, num_steps: 100 }))).toBe(0.25);
    expect(shareDone(jobOf({ step: 25, num_steps: null }))).toBeNull();
    expect(shareDone(jobOf({ status: "succeeded", num_steps: null }))).toBe(1);
  });
  it("has a name even without one", () =>
    expect(jobTitle({ name: "", kind: "train", id: "job_000000abcdef" })).toBe("Train abcdef"));
  it.each([
    [1, "1st"],
    [2, "2nd"],
    [11, "11th"],
    [23, "23rd"],
  ])("%i is %s", (place, words) => expect(ordinal(place)).toBe(words));
});
