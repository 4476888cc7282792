/** "0.50" to nano-dollars, by digits: no float touches money. Null for what is not an amount. */
export function dollarsToNano(text: string): number | null {
  const match = /^\$?(\d{1,7})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (!match) return null;
  return Number(`${match[1]}${(match[2] ?? "").padEnd(9, "0")}`);
}
