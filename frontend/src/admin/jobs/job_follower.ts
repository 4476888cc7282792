/**
 * Follows one job over its websocket until it has ended: the row as it changes, and the log by `seq`, gaps filled over
 * HTTP. Plain TypeScript; React reads it through `subscribe` and `snapshot`.
 *
 * Invariant: the log is only ever changed by the reducer. A job that is requeued goes on: an ended one is not left
 * until its last event is here.
 */
import { type Line, LiveSocket } from "../../live/live_socket";
import type { JobDetail } from "../api_types";
import { EMPTY_LOG, eventsApply, type JobLog, type LoggedEvent } from "./job_log";

export interface JobFollowing {
  job: JobDetail | null;
  log: JobLog;
  line: Line;
}

type ServerMessage =
  | { kind: "event"; event: LoggedEvent }
  | { kind: "job"; job: JobDetail }
  | { kind: "error"; error: { code: string; message: string } }
  | { kind: "ping" };

export interface JobDoors {
  url: string;
  /** Events after `seq` from the database: fills a gap that the live line left. */
  fetchEvents: (afterSeq: number) => Promise<LoggedEvent[]>;
  // biome-ignore lint/suspicious/noExplicitAny: partysocket takes any constructor with the WebSocket's face
  WebSocket?: any;
  /** Joins the many events of one moment into one rendering. */
  schedule?: (render: () => void) => void;
}

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export class JobFollower {
  private following: JobFollowing = { job: null, log: EMPTY_LOG, line: { state: "connecting" } };
  private waiting: LoggedEvent[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly socket: LiveSocket;
  private isFilling = false;
  private isScheduled = false;

  constructor(
    private readonly doors: JobDoors,
    seed: JobLog,
    job: JobDetail | null = null,
  ) {
    this.following = { ...this.following, log: seed, job };
    this.socket = new LiveSocket({
      url: doors.url,
      WebSocket: doors.WebSocket,
      hello: () => ({ after_seq: this.lastSeq }),
      onMessage: (message) => this.receive(message as ServerMessage),
      onLine: (line) => this.change({ line }),
    });
  }

  snapshot = (): JobFollowing => this.following;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    this.socket.start();
  }

  stop(): void {
    this.socket.stop();
  }

  /** Events that wait for the next rendering count: a new connection must not ask for them again. */
  private get lastSeq(): number {
    return this.waiting.at(-1)?.seq ?? this.following.log.lastSeq;
  }

  private receive(message: ServerMessage): void {
    if (message.kind === "event") {
      const isNext = message.event.seq === this.lastSeq + 1;
      if (isNext) this.waiting.push(message.event);
      else if (message.event.seq > this.lastSeq) void this.fill();
      if (isNext) this.change({});
    } else if (message.kind === "job") {
      this.change({ job: message.job });
    } else if (message.kind === "error") {
      this.socket.stop();
      this.change({ line: { state: "refused", code: message.error.code } });
    }
    this.closeIfEnded();
  }

  /** Done when the job's row says so and every event it counts is here: the last message may be either. */
  private closeIfEnded(): void {
    const { job } = this.following;
    if (!job || !ENDED.has(job.status)) return;
    if (this.lastSeq < job.last_seq) {
      void this.fill();
      return;
    }
    this.socket.stop();
    this.change({ line: { state: "closed" } });
  }

  private async fill(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    const before = this.lastSeq;
    try {
      const events = await this.doors.fetchEvents(before);
      for (const event of events) if (event.seq === this.lastSeq + 1) this.waiting.push(event);
      this.change({});
    } catch {
      // The server cannot be reached at all: a new connection asks for everything after lastSeq.
      this.socket.again();
      return;
    } finally {
      this.isFilling = false;
    }
    if (this.lastSeq > before) this.closeIfEnded();
  }

  private change(change: Partial<JobFollowing>): void {
    this.following = { ...this.following, ...change };
    if (this.isScheduled) return;
    this.isScheduled = true;
    const schedule = this.doors.schedule ?? queueMicrotask;
    schedule(() => {
      this.isScheduled = false;
      if (this.waiting.length) {
        const log = eventsApply(this.following.log, this.waiting);
        this.waiting = [];
        this.following = { ...this.following, log };
      }
      for (const listener of this.listeners) listener();
    });
  }
}
