/**
 * A data file's lines as they are read: rows and columns counted, the first bad line named. The same rules as the
 * server's (gpu_node/protocol/data_rows.py), applied before anything is sent. Pure.
 */
import { a } from "../strings";

export const LINE_BYTES_MAX = 1_048_576; // the server's
const COLUMNS_MAX = 20;

/** What is wrong with a file, and where: 0 is the file as a whole. */
export class BadLine extends Error {
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Rows {
  num: number;
  columns: string[];
}

/** Reads a file piece by piece; a line may begin in one piece and end in the next. */
export class RowReader {
  private readonly decoder = new TextDecoder("utf-8", { fatal: true });
  private readonly columns = new Set<string>();
  private rest = "";
  private line = 0;
  private num = 0;

  feed(bytes: Uint8Array): void {
    const lines = (this.rest + this.decoded(bytes, true)).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.read(line);
    if (this.rest.length > LINE_BYTES_MAX) throw new BadLine(this.line + 1, a.files.bad.long);
  }

  finish(): Rows {
    this.rest += this.decoded(new Uint8Array(), false);
    if (this.rest) this.read(this.rest);
    if (this.num === 0) throw new BadLine(0, a.files.bad.none);
    return { num: this.num, columns: [...this.columns].slice(0, COLUMNS_MAX) };
  }

  private decoded(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.decoder.decode(bytes, { stream });
    } catch {
      throw new BadLine(this.line + 1, a.files.bad.utf8);
    }
  }

  private read(line: string): void {
    this.line += 1;
    if (!line.trim()) return;
    const why = lineFault(line);
    if (typeof why === "string") throw new BadLine(this.line, why);
    this.num += 1;
    for (const name of Object.keys(why)) if (this.columns.size < COLUMNS_MAX) this.columns.add(name);
  }
}

/** The line's object, or what is wrong with it. */
function lineFault(line: string): string | Record<string, unknown> {
  const { bad } = a.files;
  if (line.length > LINE_BYTES_MAX) return bad.long;
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    return bad.json(error instanceof Error ? error.message : String(error));
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) return bad.object;
  const record = row as Record<string, unknown>;
  if ("messages" in record)
    return Array.isArray(record.messages) && record.messages.length > 0 ? record : bad.messages;
  for (const name of "text" in record ? ["text"] : ["question", "answer"]) {
    if (!(name in record)) return bad.column(name, Object.keys(record).join(", "));
    if (typeof record[name] !== "string" || !record[name]) return bad.type(name);
  }
  return record;
}

/** A name that a manifest takes: letters, digits, dots, hyphens and underscores. */
export function pathOf(fileName: string): string {
  const plain = fileName.replaceAll(/[^A-Za-z0-9_.-]/g, "_");
  return /^[A-Za-z0-9_]/.test(plain) ? plain : `_${plain}`;
}
