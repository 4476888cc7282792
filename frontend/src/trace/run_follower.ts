/**
 * Follows one run over its websocket until it is settled: reconnects, resumes after the last frame applied, and
 * fills gaps over HTTP. Plain TypeScript; React reads it through `subscribe` and `snapshot`.
 *
 * Invariant: the trace is only ever changed by the reducer, from seq 1 on without a gap.
 */
import { WebSocket as ReconnectingSocket } from "partysocket";
import type { Run } from "../api/types";
import type { Frame } from "../protocol.gen";
import { EMPTY_TRACE, frameApply, framesApply, type Trace } from "./trace";

/** The server pings every 15 s: two missed pings mean that the line is dead though the socket looks open. */
export const SILENCE_MS_MAX = 32_000;
const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5_000;
const CONNECT_TIMEOUT_MS = 8_000;
const SETTLE_EVERY_MS = 700; // settling takes the server milliseconds, or a sweep of the worker's
const SETTLE_TRIES_MAX = 30;

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "reconnecting"; attempt: number }
  | { state: "closed" }
  | { state: "refused"; code: string; message: string };

export interface Following {
  trace: Trace;
  run: Run | null;
  connection: Connection;
}

type ServerMessage =
  | { kind: "frame"; frame: Frame }
  | { kind: "run"; run: Run }
  | { kind: "error"; error: { code: string; message: string } }
  | { kind: "ping" };

export interface FollowerDoors {
  url: string;
  /** Frames after `seq` from the database: fills a gap that the live line left. */
  fetchFrames: (afterSeq: number) => Promise<Frame[]>;
  /** The run's row, asked for when the log has ended but the last row heard was not settled yet. */
  fetchRun: () => Promise<Run>;
  // biome-ignore lint/suspicious/noExplicitAny: partysocket takes any constructor with the WebSocket's face
  WebSocket?: any;
  /** Joins the many frames of one moment into one rendering. */
  schedule?: (render: () => void) => void;
}

const SETTLED = new Set(["finished", "failed", "cancelled"]);

export class RunFollower {
  private following: Following = { trace: EMPTY_TRACE, run: null, connection: { state: "connecting" } };
  private readonly listeners = new Set<() => void>();
  private socket: ReconnectingSocket | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;
  private isFilling = false;
  private isScheduled = false;

  constructor(
    private readonly doors: FollowerDoors,
    run: Run | null = null,
  ) {
    this.following = { ...this.following, run };
  }

  snapshot = (): Following => this.following;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    const socket = new ReconnectingSocket(this.doors.url, undefined, {
      WebSocket: this.doors.WebSocket,
      minReconnectionDelay: RECONNECT_MS_MIN,
      maxReconnectionDelay: RECONNECT_MS_MAX,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      maxEnqueuedMessages: 0, // the first message of each connection is made when it opens
    });
    this.socket = socket;
    // A stopped socket's last events must not speak for the one that came after it.
    const isCurrent = () => this.socket === socket;
    socket.addEventListener("open", () => {
      if (!isCurrent()) return;
      this.attempts = 0;
      socket.send(JSON.stringify({ after_seq: this.following.trace.lastSeq }));
      this.change({ connection: { state: "live" } });
      this.listenForSilence();
    });
    socket.addEventListener("message", (message) => {
      if (!isCurrent()) return;
      this.listenForSilence();
      this.receive(JSON.parse(String(message.data)) as ServerMessage);
    });
    socket.addEventListener("close", (event) => {
      if (isCurrent()) this.lost(event.code);
    });
  }

  stop(): void {
    clearTimeout(this.silence);
    this.socket?.close();
    this.socket = null;
  }

  private receive(message: ServerMessage): void {
    if (message.kind === "frame") {
      this.change({ trace: frameApply(this.following.trace, message.frame) });
      if (this.following.trace.hasGap) void this.fill();
    } else if (message.kind === "run") {
      this.change({ run: message.run });
    } else if (message.kind === "error") {
      this.refuse(message.error.code, message.error.message);
    }
    this.closeIfSettled();
  }

  /** Done when the run's row says so and every frame it counts is here: the last message may be either. */
  private closeIfSettled(): void {
    const { run, trace } = this.following;
    if (!run || !SETTLED.has(run.status)) return;
    if (trace.lastSeq < run.last_seq) {
      void this.fill();
      return;
    }
    this.stop();
    this.change({ connection: { state: "closed" } });
  }

  private async fill(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    try {
      const frames = await this.doors.fetchFrames(this.following.trace.lastSeq);
      if (frames.length) this.change({ trace: framesApply(this.following.trace, frames) });
    } catch {
      // The line to the server is down altogether: a new connection asks for everything after lastSeq.
      this.socket?.reconnect();
      return;
    } finally {
      this.isFilling = false;
    }
    const { run, trace } = this.following;
    if (run && SETTLED.has(run.status) && trace.lastSeq >= run.last_seq) this.closeIfSettled();
  }

  private lost(code: number): void {
    clearTimeout(this.silence);
    if (this.following.connection.state === "closed") return;
    if (code === 4401) this.refuse("unauthenticated", "");
    else if (code === 4404) this.refuse("not_found", "");
    else if (this.following.trace.outcome) void this.settle(SETTLE_TRIES_MAX);
    else {
      this.attempts += 1;
      this.change({ connection: { state: "reconnecting", attempt: this.attempts } });
      // A clean close before the run's end (a server that stops): partysocket takes 1000 for the end.
      if (code === 1000) setTimeout(() => this.socket?.reconnect(), RECONNECT_MS_MIN);
    }
  }

  /** The log is whole; what is missing is the ledger's word on the cost. */
  private async settle(triesLeft: number): Promise<void> {
    this.stop();
    const run = await this.doors.fetchRun().catch(() => null);
    if (run) this.change({ run });
    if ((run && SETTLED.has(run.status)) || triesLeft <= 1) this.change({ connection: { state: "closed" } });
    else setTimeout(() => void this.settle(triesLeft - 1), SETTLE_EVERY_MS);
  }

  private refuse(code: string, message: string): void {
    this.stop();
    this.change({ connection: { state: "refused", code, message } });
  }

  private listenForSilence(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket?.reconnect(), SILENCE_MS_MAX);
  }

  private change(change: Partial<Following>): void {
    this.following = { ...this.following, ...change };
    if (this.isScheduled) return;
    this.isScheduled = true;
    const schedule = this.doors.schedule ?? queueMicrotask;
    schedule(() => {
      this.isScheduled = false;
      for (const listener of this.listeners) listener();
    });
  }
}
