/** A WebSocket with the real face for specs: the test plays the server. */
export class ScriptedSocket extends EventTarget {
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
  static last(): ScriptedSocket {
    const last = ScriptedSocket.made.at(-1);
    if (!last) throw new Error("no socket was made");
    return last;
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
  drop(code = 1006) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }
}
