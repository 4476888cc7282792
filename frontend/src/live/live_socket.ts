/**
 * One websocket of ours: reconnects, says hello at each opening, takes a silent line for a dead one, gives up when
 * refused. What the messages mean is the caller's.
 */
import { WebSocket as ReconnectingSocket } from "partysocket";

/** The server pings every 15 s: two missed pings mean that the line is dead though the socket looks open. */
export const SILENCE_MS_MAX = 32_000;
const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5_000;
const CONNECT_TIMEOUT_MS = 8_000;

const REFUSALS: Record<number, string> = {
  4401: "unauthenticated",
  4403: "forbidden",
  4404: "not_found",
};

export type Line =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "reconnecting"; attempt: number }
  | { state: "closed" }
  | { state: "refused"; code: string; message: string };

export interface SocketDoors {
  url: string;
  /** The first message of each connection. */
  hello: () => unknown;
  onMessage: (message: unknown) => void;
  onLine: (line: Line) => void;
  /** The line was lost: true when nothing more is to come over it, so that no new one is opened. */
  isOver?: () => boolean;
  // biome-ignore lint/suspicious/noExplicitAny: partysocket takes any constructor with the WebSocket's face
  WebSocket?: any;
}

export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

export class LiveSocket {
  private socket: ReconnectingSocket | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;

  constructor(private readonly doors: SocketDoors) {}

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
      socket.send(JSON.stringify(this.doors.hello()));
      this.doors.onLine({ state: "live" });
      this.listenForSilence();
    });
    socket.addEventListener("message", (message) => {
      if (!isCurrent()) return;
      this.listenForSilence();
      this.doors.onMessage(JSON.parse(String(message.data)));
    });
    socket.addEventListener("close", (event) => {
      if (isCurrent()) this.lost(event.code);
    });
  }

  stop(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** A new connection, which says hello again. */
  again(): void {
    this.socket?.reconnect();
  }

  private lost(code: number): void {
    clearTimeout(this.silence);
    const refusal = REFUSALS[code];
    if (refusal) {
      this.stop();
      this.doors.onLine({ state: "refused", code: refusal, message: "" });
      return;
    }
    if (this.doors.isOver?.()) {
      this.stop();
      return;
    }
    this.attempts += 1;
    this.doors.onLine({ state: "reconnecting", attempt: this.attempts });
    // A clean close before the end (a server that stops): partysocket takes 1000 for the end.
    if (code === 1000) setTimeout(() => this.socket?.reconnect(), RECONNECT_MS_MIN);
  }

  private listenForSilence(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket?.reconnect(), SILENCE_MS_MAX);
  }
}
