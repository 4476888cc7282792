import { describe, expect, it } from "vitest";
import { BadLine, pathOf, RowReader, type Rows } from "./rows";

const bytes = (text: string) => new TextEncoder().encode(text);

function read(...pieces: Uint8Array[]): Rows {
  const reader = new RowReader();
  for (const piece of pieces) reader.feed(piece);
  return reader.finish();
}

function faultOf(...pieces: Uint8Array[]): BadLine {
  try {
    read(...pieces);
  } catch (error) {
    if (error instanceof BadLine) return error;
  }
  throw new Error("it was taken");
}

describe("a data file's lines", () => {
  it("are counted, with the columns they have", () =>
    expect(read(bytes('{"question": "1 + 1?", "answer": "2"}\n\n{"text": "x", "note": 1}'))).toEqual({
      num: 2,
      columns: ["question", "answer", "text", "note"],
    }));
  it("may lie in two pieces, even within a letter", () => {
    const whole = bytes('{"text": "é"}\n');
    expect(read(whole.slice(0, 11), whole.slice(11)).num).toBe(1);
  });
  it.each([
    ['{"text": "1"}\n\n{"text": ', 3, "not JSON"],
    ['{"text": "1"}\n[1]', 2, "no object"],
    ['{"question": "1 + 1?"}', 1, "No answer (it has question)"],
    ['{"question": "1 + 1?", "answer": 2}', 1, "answer is not text"],
    ['{"messages": []}', 1, "messages"],
    ["\n  \n", 0, "no row"],
    [`{"text": "${"x".repeat(1_100_000)}"}`, 1, "Over 1 MB"],
  ])("%.30s is refused", (text, line, words) => {
    const fault = faultOf(bytes(text));
    expect([fault.line, fault.message.includes(words)]).toEqual([line, true]);
  });
  it("that are no UTF-8 are named", () =>
    expect(faultOf(bytes('{"text": "1"}\n'), new Uint8Array([0xff, 0xfe])).line).toBe(2));
});

describe("a file's name in a manifest", () => {
  it.each([
    ["rows.jsonl", "rows.jsonl"],
    ["Ärzte & Co (2).jsonl", "_rzte___Co__2_.jsonl"],
    [".hidden", "_.hidden"],
  ])("%s is %s", (name, path) => expect(pathOf(name)).toBe(path));
});
