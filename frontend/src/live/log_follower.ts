/**
 * Follows one row and its log over a websocket until the row has ended: resumes after the last entry applied, and fills
 * gaps over HTTP. Plain TypeScript; React reads it through `subscribe` and `snapshot`.
 *
 * Not here: the line itself (live_socket.ts), what rows and entries mean (trace/run_follower.ts, admin/jobs/).
 * Invariant: the log is only ever changed by the reducer, which says what is a repeat and what leaves a gap.
 */
import { type Line, LiveSocket } from "./live_socket";

export interface Following<Row, Log> {
  row: Row | null;
  log: Log;
  line: Line;
}

/** Where a follower's row and entries come from; its page gives these. */
export interface FollowerDoors<Entry> {
  url: string;
  /** Entries after `seq` from the database: fills a gap that the live line left. */
  fetchEntries: (afterSeq: number) => Promise<Entry[]>;
  // biome-ignore lint/suspicious/noExplicitAny: partysocket takes any constructor with the WebSocket's face
  WebSocket?: any;
  /** Joins the many entries of one moment into one rendering. */
  schedule?: (render: () => void) => void;
}

/** What is followed. */
export interface LogKind<Row, Entry, Log> {
  /** A server's message is `{kind, [kind]: …}`: these kinds carry an entry and the row. */
  entryKind: string;
  rowKind: string;
  isEnded: (row: Row) => boolean;
  reduce: (log: Log, entries: Entry[]) => Log;
}

interface ServerMessage {
  kind: string;
  error?: { code: string; message: string };
  [kind: string]: unknown;
}

export class LogFollower<
  Row extends { last_seq: number },
  Entry,
  Log extends { lastSeq: number; hasGap: boolean },
> {
  private following: Following<Row, Log>;
  private waiting: Entry[] = []; // not reduced yet
  private readonly listeners = new Set<() => void>();
  private readonly socket: LiveSocket;
  private isFilling = false;
  private isScheduled = false;

  constructor(
    private readonly doors: FollowerDoors<Entry>,
    private readonly kind: LogKind<Row, Entry, Log>,
    seed: Log,
    row: Row | null,
  ) {
    this.following = { row, log: seed, line: { state: "connecting" } };
    this.socket = new LiveSocket({
      url: doors.url,
      WebSocket: doors.WebSocket,
      hello: () => ({ after_seq: this.reduced().lastSeq }),
      onMessage: (message) => this.receive(message as ServerMessage),
      onLine: (line) => this.change({ line }),
      isOver: () => this.isOver(),
    });
  }

  snapshot = (): Following<Row, Log> => this.following;

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

  /** The line was lost: true when nothing more is to come over it. */
  protected isOver(): boolean {
    return false;
  }

  /** The log with everything that has come, rendered or not. */
  protected reduced(): Log {
    if (this.waiting.length) {
      const log = this.kind.reduce(this.following.log, this.waiting);
      this.waiting = [];
      this.change({ log });
    }
    return this.following.log;
  }

  protected change(change: Partial<Following<Row, Log>>): void {
    this.following = { ...this.following, ...change };
    if (this.isScheduled) return;
    this.isScheduled = true;
    const schedule = this.doors.schedule ?? queueMicrotask;
    schedule(() => {
      if (this.waiting.length) this.proceed();
      this.isScheduled = false;
      for (const listener of this.listeners) listener();
    });
  }

  private receive(message: ServerMessage): void {
    if (message.kind === this.kind.entryKind) {
      this.waiting.push(message[message.kind] as Entry);
      this.change({});
    } else if (message.kind === this.kind.rowKind) {
      this.change({ row: message[message.kind] as Row });
      this.proceed();
    } else if (message.error) {
      this.stop();
      this.change({ line: { state: "refused", ...message.error } });
    }
  }

  /** Done when the row says so and every entry it counts is here: the last message may be either. */
  private proceed(): void {
    const log = this.reduced();
    const { row } = this.following;
    const ended = row && this.kind.isEnded(row) ? row : null;
    if (log.hasGap || (ended && log.lastSeq < ended.last_seq)) {
      void this.fill(log.lastSeq);
    } else if (ended) {
      this.stop();
      this.change({ line: { state: "closed" } });
    }
  }

  private async fill(afterSeq: number): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    try {
      this.waiting.unshift(...(await this.doors.fetchEntries(afterSeq)));
    } catch {
      // The server cannot be reached at all: a new connection asks for everything after the last entry.
      this.socket.again();
      return;
    } finally {
      this.isFilling = false;
    }
    if (this.reduced().lastSeq !== afterSeq) this.proceed();
  }
}
