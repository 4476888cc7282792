/** Whole cents, as cards are charged: read from what people type and shown to them. No float touches them. */

const NANO_PER_CENT = 10_000_000;

/** "$12.50" to 1250. Null for what is no amount of whole cents. */
export function centsRead(text: string): number | null {
  const match = /^\$?(\d{1,7})(?:\.(\d{1,2}))?$/.exec(text.trim().replaceAll(",", ""));
  if (!match) return null;
  return Number(`${match[1]}${(match[2] ?? "").padEnd(2, "0")}`);
}

/** 1250 to "$12.50", 1000 to "$10". */
export function dollars(cents: number): string {
  const whole = Math.trunc(cents / 100).toLocaleString("en-US");
  return cents % 100 === 0 ? `$${whole}` : `$${whole}.${String(cents % 100).padStart(2, "0")}`;
}

/** 1250 to "12.50": what a field holds. */
export const centsTyped = (cents: number): string => dollars(cents).slice(1).replaceAll(",", "");

export const centsToNano = (cents: number): number => cents * NANO_PER_CENT;
