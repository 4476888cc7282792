import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Run } from "../api/types";
import { cubesEvents, framesOf, runOf } from "../dev/sample_frames";
import { ScriptedSocket } from "../live/scripted_socket";
import { RunFollower } from "./run_follower";

const frames = framesOf(cubesEvents);
const settled = runOf({ status: "finished", last_seq: frames.length });
const unsettled: Run = { ...settled, status: "running" };
const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A run whose log came whole, but whose line ended before its row was settled. */
async function followedToTheEnd(fetchRun: () => Promise<Run>) {
  const fetchEntries = () => Promise.reject(new Error("not asked for"));
  const follower = new RunFollower({
    url: "ws://svend/ws/runs/run_sample",
    fetchEntries,
    fetchRun,
    WebSocket: ScriptedSocket,
  });
  follower.start();
  await ticks(10);
  const server = ScriptedSocket.last();
  server.accept();
  for (const frame of frames) server.say({ kind: "frame", frame });
  server.say({ kind: "run", run: unsettled });
  server.drop(1000);
  return follower;
}

beforeEach(() => {
  vi.useFakeTimers();
  ScriptedSocket.made = [];
});
afterEach(() => vi.useRealTimers());

// What every follower does is in live/log_follower.spec.ts.
describe("a run whose line ended before it was settled", () => {
  it("asks for the settled row", async () => {
    const follower = await followedToTheEnd(() => Promise.resolve(settled));
    await ticks(10);
    expect(follower.snapshot().row?.status).toBe("finished");
    expect(follower.snapshot().line.state).toBe("closed");
    expect(ScriptedSocket.made).toHaveLength(1);
  });

  it("asks again while the ledger is not done, or cannot be reached", async () => {
    const answers = [() => Promise.reject(new Error("away")), () => Promise.resolve(unsettled)];
    const follower = await followedToTheEnd(() => (answers.shift() ?? (() => Promise.resolve(settled)))());
    await ticks(1_000);
    expect(follower.snapshot().row?.status).toBe("running");
    await ticks(1_000);
    expect(follower.snapshot().row?.status).toBe("finished");
    expect(follower.snapshot().line.state).toBe("closed");
  });
});
