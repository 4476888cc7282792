/** Ids made by the asker, so that a request sent twice is one. The same shape as backend.core.ids. */

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 24;

export function idMake(prefix: "conv" | "job" | "wish"): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LENGTH));
  return `${prefix}_${[...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("")}`;
}
