/**
 * A file into the store: its lines are checked, its pieces named by their SHA-256, those that the store lacks are sent
 * to signed URLs, then the server looks through it once more and keeps it. Nothing is sent of a file that does not
 * parse; one that breaks off is taken up again where it was, because pieces that lie there are not sent twice.
 */
import type { Manifest } from "../../protocol.gen";
import { fileStore } from "../api";
import { a } from "../strings";
import { pathOf, RowReader, type Rows } from "./rows";

const PIECE_BYTES = 32 * 1024 * 1024; // the wire's largest
const READ_BYTES = 4 * 1024 * 1024; // read at once: the page stays quick between two

/** Told from 0 to 1. */
type Heard = (share: number) => void;

export async function rowsCheck(file: File, onShare: Heard, signal: AbortSignal): Promise<Rows> {
  const reader = new RowReader();
  for (let start = 0; start < file.size; start += READ_BYTES) {
    signal.throwIfAborted();
    reader.feed(new Uint8Array(await file.slice(start, start + READ_BYTES).arrayBuffer()));
    onShare(Math.min(1, (start + READ_BYTES) / file.size));
  }
  return reader.finish();
}

export async function manifestOf(file: File, onShare: Heard, signal: AbortSignal): Promise<Manifest> {
  // Only a secure page (https, or this machine) has it.
  if (!crypto.subtle) throw new Error(a.files.insecure);
  const pieces = [];
  for (let start = 0; start < file.size; start += PIECE_BYTES) {
    signal.throwIfAborted();
    const data = await file.slice(start, start + PIECE_BYTES).arrayBuffer();
    pieces.push({ sha256: hex(await crypto.subtle.digest("SHA-256", data)), num_bytes: data.byteLength });
    onShare(Math.min(1, (start + PIECE_BYTES) / file.size));
  }
  return { files: [{ path: pathOf(file.name), pieces }] };
}

const hex = (digest: ArrayBuffer): string =>
  [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export interface Stored {
  sha256: string;
  wasKnown: boolean;
}

export async function fileSend(
  file: File,
  manifest: Manifest,
  onShare: Heard,
  signal: AbortSignal,
): Promise<Stored> {
  const first = await fileStore(manifest, file.name);
  if (first.is_stored) return { sha256: first.sha256, wasKnown: true };
  let start = 0;
  for (const piece of manifest.files[0]?.pieces ?? []) {
    const url = first.urls[piece.sha256];
    if (url) await pieceSend(url, file.slice(start, start + piece.num_bytes), signal);
    start += piece.num_bytes;
    onShare(start / file.size);
  }
  const { sha256 } = await fileStore(manifest, file.name);
  return { sha256, wasKnown: false };
}

async function pieceSend(url: string, data: Blob, signal: AbortSignal): Promise<void> {
  let status = 0;
  try {
    status = (await fetch(ownAddress(url), { method: "PUT", body: data, signal })).status;
  } catch (error) {
    if (signal.aborted) throw error;
  }
  if (status < 200 || status >= 300) throw new Error(a.files.refusedPiece(status));
}

/** The server's own store is asked by the page's own origin: nodes may know it by another name. */
function ownAddress(url: string): string {
  const parts = new URL(url, location.href);
  return parts.pathname.startsWith("/artifacts/") ? parts.pathname + parts.search : url;
}
