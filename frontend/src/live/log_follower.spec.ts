import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { JobFollower } from "../admin/jobs/job_follower";
import { EMPTY_LOG, eventsApply, type LoggedEvent } from "../admin/jobs/job_log";
import { jobOf } from "../admin/sample_jobs";
import { cubesEvents, framesOf, runOf } from "../dev/sample_frames";
import type { Frame } from "../protocol.gen";
import { RunFollower } from "../trace/run_follower";
import { EMPTY_TRACE, framesApply } from "../trace/trace";
import { SILENCE_MS_MAX } from "./live_socket";
import { ScriptedSocket } from "./scripted_socket";

const frames = framesOf(cubesEvents);
const events: LoggedEvent[] = Array.from({ length: 12 }, (_, index) => ({
  seq: index + 1,
  epoch: 1,
  node_rank: 0,
  at: new Date(1_700_000_000_000 + index * 1_000).toISOString(),
  event: { type: "metric", step: index + 1, values: { loss: 8 - index }, eta_seconds: null },
}));

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const server = () => ScriptedSocket.last();
const noFetch = () => Promise.reject(new Error("not asked for"));
const doors = { url: "ws://svend/ws", WebSocket: ScriptedSocket };

const RUN = {
  name: "a run",
  entries: frames as (Frame | LoggedEvent)[],
  whole: framesApply(EMPTY_TRACE, frames) as object,
  entry: (frame: unknown) => ({ kind: "frame", frame }) as object,
  row: (isEnded: boolean) => {
    const run = runOf({ status: isEnded ? "finished" : "running", last_seq: isEnded ? frames.length : 2 });
    return { kind: "run", run } as object;
  },
  follower: (fetchEntries: (after: number) => Promise<unknown[]>) => {
    const fetchRun = () => Promise.reject(new Error("not asked for"));
    return new RunFollower({
      ...doors,
      fetchEntries: fetchEntries as (after: number) => Promise<Frame[]>,
      fetchRun,
    }) as RunFollower | JobFollower;
  },
};
const JOB: typeof RUN = {
  name: "a job",
  entries: events,
  whole: eventsApply(EMPTY_LOG, events),
  entry: (event) => ({ kind: "event", event }),
  row: (isEnded) => {
    const job = jobOf({ status: isEnded ? "succeeded" : "running", last_seq: isEnded ? events.length : 2 });
    return { kind: "job", job };
  },
  follower: (fetchEntries) =>
    new JobFollower(
      { ...doors, fetchEntries: fetchEntries as (after: number) => Promise<LoggedEvent[]> },
      EMPTY_LOG,
      null,
    ),
};

beforeEach(() => {
  vi.useFakeTimers();
  ScriptedSocket.made = [];
});
afterEach(() => vi.useRealTimers());

describe.each([RUN, JOB])("following $name", ({ entries, whole, entry, row, follower }) => {
  async function follow(fetchEntries: (after: number) => Promise<unknown[]> = noFetch) {
    const followed = follower(fetchEntries);
    followed.start();
    await ticks(10);
    server().accept();
    return followed;
  }
  const say = (...said: unknown[]) => {
    for (const one of said) server().say(entry(one));
  };

  it("asks from the beginning and ends with the whole log", async () => {
    const followed = await follow();
    expect(server().sent).toEqual(['{"after_seq":0}']);
    server().say(row(false));
    say(...entries);
    server().say(row(true));
    await ticks(1);
    expect(followed.snapshot().log).toEqual(whole);
    expect(followed.snapshot().line.state).toBe("closed");
    await ticks(60_000);
    expect(ScriptedSocket.made).toHaveLength(1); // done is done: no reconnection
  });

  it("resumes a dropped line after the last entry it has", async () => {
    const followed = await follow();
    say(...entries.slice(0, 3));
    server().drop();
    expect(followed.snapshot().line).toEqual({ state: "reconnecting", attempt: 1 });
    await ticks(10_000);
    server().accept();
    expect(server().sent).toEqual(['{"after_seq":3}']);
    say(...entries.slice(3));
    server().say(row(true));
    expect(followed.snapshot().log).toEqual(whole);
  });

  it("asks for nothing twice that waits for its rendering", async () => {
    const followed = await follow();
    say(...entries.slice(0, 3));
    server().drop(); // in the same moment: nothing was rendered between
    await ticks(10_000);
    server().accept();
    expect(server().sent).toEqual(['{"after_seq":3}']);
    followed.stop();
  });

  it("counts the attempts of a server that stays away", async () => {
    const followed = await follow();
    server().drop();
    await ticks(1_000);
    server().drop();
    await ticks(5_000);
    const { line } = followed.snapshot();
    expect(line.state === "reconnecting" && line.attempt).toBeGreaterThanOrEqual(2);
    followed.stop();
  });

  it("fills a gap from the database and goes on", async () => {
    const asked: number[] = [];
    const followed = await follow((after) => {
      asked.push(after);
      return Promise.resolve(entries.slice(after, 8));
    });
    say(...entries.slice(0, 3), entries[7]);
    await ticks(1);
    expect(asked).toEqual([3]);
    say(...entries.slice(8));
    await ticks(1);
    expect(followed.snapshot().log).toEqual(whole);
    followed.stop();
  });

  it("asks once for a gap that the database cannot fill either", async () => {
    const asked: number[] = [];
    const followed = await follow((after) => {
      asked.push(after);
      return Promise.resolve([]);
    });
    say(entries[0], entries[2]);
    await ticks(1_000);
    expect(asked).toEqual([1]);
    followed.stop();
  });

  it("connects anew when a gap cannot be asked about", async () => {
    const followed = await follow();
    say(entries[0], entries[2]);
    await ticks(10_000);
    expect(ScriptedSocket.made.length).toBeGreaterThan(1);
    server().accept();
    expect(server().sent).toEqual(['{"after_seq":1}']);
    followed.stop();
  });

  it("fetches the end when the row says ended before its last entries came", async () => {
    const followed = await follow((after) => Promise.resolve(entries.slice(after)));
    say(entries[0]);
    server().say(row(true));
    await ticks(1);
    expect(followed.snapshot().log).toEqual(whole);
    expect(followed.snapshot().line.state).toBe("closed");
  });

  it("comes back after a clean close before the end", async () => {
    const followed = await follow();
    say(entries[0]);
    server().drop(1000);
    await ticks(2_000);
    server().accept();
    expect(server().sent).toEqual(['{"after_seq":1}']);
    followed.stop();
  });

  it("takes a silent line for a dead one", async () => {
    const followed = await follow();
    server().say({ kind: "ping" });
    await ticks(SILENCE_MS_MAX + 10_000);
    expect(ScriptedSocket.made.length).toBeGreaterThan(1);
    followed.stop();
  });

  it.each([
    [4401, "unauthenticated"],
    [4403, "forbidden"],
    [4404, "not_found"],
  ])("gives up when refused with %i", async (code, word) => {
    const followed = await follow();
    server().drop(code);
    await ticks(30_000);
    expect(followed.snapshot().line).toEqual({ state: "refused", code: word, message: "" });
    expect(ScriptedSocket.made).toHaveLength(1);
  });

  it("keeps the server's own word on a refusal", async () => {
    const followed = await follow();
    server().say({ kind: "error", error: { code: "forbidden", message: "Not yours." } });
    server().drop(4401);
    await ticks(30_000);
    expect(followed.snapshot().line).toEqual({ state: "refused", code: "forbidden", message: "Not yours." });
    expect(ScriptedSocket.made).toHaveLength(1);
  });
});
