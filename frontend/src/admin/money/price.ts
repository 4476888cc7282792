/** "3" dollars per million tokens to nano-dollars a token, by digits: no float touches money. Pure. */
const NANO_PER_USD_PER_MILLION = 1_000;

/** Null for what is no price: more than three decimals would be a fraction of a nano-dollar. */
export function perMillionToNano(text: string): number | null {
  const match = /^\$?(\d{1,6})(?:\.(\d{1,3}))?$/.exec(text.trim());
  if (!match) return null;
  const nano = Number(match[1]) * NANO_PER_USD_PER_MILLION + Number((match[2] ?? "").padEnd(3, "0"));
  return nano > 0 ? nano : null;
}
