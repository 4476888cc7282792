import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SILENCE_MS_MAX } from "../../live/live_socket";
import { ScriptedSocket } from "../../live/scripted_socket";
import { jobOf } from "../sample_jobs";
import { JobFollower } from "./job_follower";
import { EMPTY_LOG, eventsApply, type LoggedEvent } from "./job_log";

const events: LoggedEvent[] = Array.from({ length: 8 }, (_, index) => ({
  seq: index + 1,
  epoch: 1,
  node_rank: 0,
  at: new Date(1_700_000_000_000 + index * 1_000).toISOString(),
  event: { type: "metric", step: index + 1, values: { loss: 8 - index }, eta_seconds: null },
}));
const whole = eventsApply(EMPTY_LOG, events);
const running = jobOf({ status: "running", last_seq: 2 });
const done = jobOf({ status: "succeeded", last_seq: events.length });

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const say = (event: LoggedEvent | undefined) => ScriptedSocket.last().say({ kind: "event", event });

async function follow(fetchEvents: (after: number) => Promise<LoggedEvent[]>) {
  const follower = new JobFollower(
    { url: "ws://svend/ws/jobs/job_sample", fetchEvents, WebSocket: ScriptedSocket },
    EMPTY_LOG,
    running,
  );
  follower.start();
  await ticks(10);
  ScriptedSocket.last().accept();
  return follower;
}
const noFetch = () => Promise.reject(new Error("not asked for"));

beforeEach(() => {
  vi.useFakeTimers();
  ScriptedSocket.made = [];
});
afterEach(() => vi.useRealTimers());

describe("following a job", () => {
  it("asks from the beginning and ends with the whole log", async () => {
    const follower = await follow(noFetch);
    expect(ScriptedSocket.last().sent).toEqual(['{"after_seq":0}']);
    for (const event of events) say(event);
    ScriptedSocket.last().say({ kind: "job", job: done });
    await ticks(1);
    expect(follower.snapshot().log).toEqual(whole);
    expect(follower.snapshot().line.state).toBe("closed");
    await ticks(60_000);
    expect(ScriptedSocket.made).toHaveLength(1); // done is done: no reconnection
  });

  it("resumes a dropped line after the last event it has", async () => {
    const follower = await follow(noFetch);
    for (const event of events.slice(0, 3)) say(event);
    ScriptedSocket.last().drop();
    expect(follower.snapshot().line).toEqual({ state: "reconnecting", attempt: 1 });
    await ticks(10_000);
    ScriptedSocket.last().accept();
    expect(ScriptedSocket.last().sent).toEqual(['{"after_seq":3}']);
    for (const event of events.slice(3)) say(event);
    await ticks(1);
    expect(follower.snapshot().log).toEqual(whole);
    follower.stop();
  });

  it("fills a gap from the database and goes on", async () => {
    const asked: number[] = [];
    const follower = await follow((after) => {
      asked.push(after);
      return Promise.resolve(events.slice(after, 6));
    });
    for (const event of [...events.slice(0, 2), events[5]]) say(event);
    await ticks(1);
    expect(asked).toEqual([2]);
    for (const event of events.slice(6)) say(event);
    await ticks(1);
    expect(follower.snapshot().log).toEqual(whole);
    follower.stop();
  });

  it("fetches the end when the row says ended before its last events came", async () => {
    const follower = await follow((after) => Promise.resolve(events.slice(after)));
    say(events[0]);
    ScriptedSocket.last().say({ kind: "job", job: done });
    await ticks(1);
    expect(follower.snapshot().log).toEqual(whole);
    expect(follower.snapshot().line.state).toBe("closed");
  });

  it("takes a silent line for a dead one", async () => {
    const follower = await follow(noFetch);
    await ticks(SILENCE_MS_MAX + 10_000);
    expect(ScriptedSocket.made.length).toBeGreaterThan(1);
    follower.stop();
  });

  it.each([
    [4401, "unauthenticated"],
    [4404, "not_found"],
  ])("gives up when refused with %i", async (code, word) => {
    const follower = await follow(noFetch);
    ScriptedSocket.last().drop(code);
    await ticks(30_000);
    expect(follower.snapshot().line).toEqual({ state: "refused", code: word });
    expect(ScriptedSocket.made).toHaveLength(1);
  });
});
