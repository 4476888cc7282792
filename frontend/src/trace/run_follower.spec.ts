import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Run } from "../api/types";
import { cubesEvents, framesOf, runOf } from "../dev/sample_frames";
import type { Frame } from "../protocol.gen";
import { RunFollower, SILENCE_MS_MAX } from "./run_follower";
import { EMPTY_TRACE, framesApply } from "./trace";

const frames = framesOf(cubesEvents);
const whole = framesApply(EMPTY_TRACE, frames);
const settled = runOf({ status: "finished", last_seq: frames.length });

/** A WebSocket with the real face; the test plays the server. */
class ScriptedSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static made: ScriptedSocket[] = [];
  readyState = 0;
  binaryType = "blob";
  sent: string[] = [];

  constructor(readonly url: string) {
    super();
    ScriptedSocket.made.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  close(code = 1000) {
    this.drop(code);
  }
  accept() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  say(message: unknown) {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
  }
  frame(frame: Frame | undefined) {
    this.say({ kind: "frame", frame });
  }
  drop(code = 1006) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }
}

const socket = () => ScriptedSocket.made.at(-1) as ScriptedSocket;
const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function follow(fetchFrames: (after: number) => Promise<Frame[]>, run: Run | null = null) {
  const fetchRun = () => Promise.resolve(settled);
  const doors = { url: "ws://svend/ws/runs/run_sample", fetchFrames, fetchRun, WebSocket: ScriptedSocket };
  const follower = new RunFollower(doors, run);
  follower.start();
  await ticks(10);
  socket().accept();
  return follower;
}

const noFetch = () => Promise.reject(new Error("not asked for"));

beforeEach(() => {
  vi.useFakeTimers();
  ScriptedSocket.made = [];
});
afterEach(() => vi.useRealTimers());

describe("following a run", () => {
  it("asks from the beginning and ends with the whole trace", async () => {
    const follower = await follow(noFetch);
    expect(socket().sent).toEqual(['{"after_seq":0}']);
    for (const frame of frames) socket().frame(frame);
    socket().say({ kind: "run", run: settled });
    expect(follower.snapshot().trace).toEqual(whole);
    expect(follower.snapshot().connection.state).toBe("closed");
    await ticks(60_000);
    expect(ScriptedSocket.made).toHaveLength(1); // done is done: no reconnection
  });

  it("resumes a dropped line after the last frame it has", async () => {
    const follower = await follow(noFetch);
    for (const frame of frames.slice(0, 6)) socket().frame(frame);
    socket().drop();
    expect(follower.snapshot().connection).toEqual({ state: "reconnecting", attempt: 1 });
    await ticks(10_000);
    socket().accept();
    expect(socket().sent).toEqual(['{"after_seq":6}']);
    for (const frame of frames.slice(6)) socket().frame(frame);
    socket().say({ kind: "run", run: settled });
    expect(follower.snapshot().trace).toEqual(whole);
  });

  it("counts the attempts of a server that stays away", async () => {
    const follower = await follow(noFetch);
    socket().drop();
    await ticks(1_000);
    socket().drop();
    await ticks(5_000);
    const { connection } = follower.snapshot();
    expect(connection.state === "reconnecting" && connection.attempt).toBeGreaterThanOrEqual(2);
    follower.stop();
  });

  it("fills a gap from the log and goes on", async () => {
    const asked: number[] = [];
    const follower = await follow((after) => {
      asked.push(after);
      return Promise.resolve(frames.slice(after, 8));
    });
    for (const frame of [...frames.slice(0, 3), frames[7]]) socket().frame(frame);
    await ticks(1);
    expect(asked).toEqual([3]);
    for (const frame of frames.slice(8)) socket().frame(frame);
    socket().say({ kind: "run", run: settled });
    expect(follower.snapshot().trace).toEqual(whole);
  });

  it("fetches the end when the run's row comes before its last frames", async () => {
    const follower = await follow((after) => Promise.resolve(frames.slice(after)));
    for (const frame of frames.slice(0, 9)) socket().frame(frame);
    socket().say({ kind: "run", run: settled });
    await ticks(1);
    expect(follower.snapshot().trace).toEqual(whole);
    expect(follower.snapshot().connection.state).toBe("closed");
  });

  it("asks for the settled row when the line closed before it was settled", async () => {
    const follower = await follow(noFetch);
    for (const frame of frames) socket().frame(frame);
    socket().say({ kind: "run", run: { ...settled, status: "running" } });
    socket().drop(1000);
    await ticks(10);
    expect(follower.snapshot().run?.status).toBe("finished");
    expect(follower.snapshot().connection.state).toBe("closed");
    expect(ScriptedSocket.made).toHaveLength(1);
  });

  it("comes back after a clean close before the end", async () => {
    const follower = await follow(noFetch);
    socket().frame(frames[0]);
    socket().drop(1000);
    await ticks(2_000);
    socket().accept();
    expect(socket().sent).toEqual(['{"after_seq":1}']);
    follower.stop();
  });

  it("takes a silent line for a dead one", async () => {
    const follower = await follow(noFetch);
    socket().say({ kind: "ping" });
    await ticks(SILENCE_MS_MAX + 10_000);
    expect(ScriptedSocket.made.length).toBeGreaterThan(1);
    follower.stop();
  });

  it.each([
    [4401, "unauthenticated"],
    [4404, "not_found"],
  ])("gives up when refused with %i", async (code, word) => {
    const follower = await follow(noFetch);
    socket().drop(code);
    await ticks(30_000);
    expect(follower.snapshot().connection).toMatchObject({ state: "refused", code: word });
    expect(ScriptedSocket.made).toHaveLength(1);
  });
});
