/**
 * Numbers as people read them. Money is an integer number of nano-dollars until the last moment: no float
 * touches it, so what is shown adds up.
 */

const NANO_PER_CENT = 10_000_000n;

/** "$0.000636": to the cent from a dollar up, and below that to the last digit that is not zero. */
export function money(nanoUsd: number): string {
  const value = BigInt(Math.trunc(nanoUsd));
  const sign = value < 0n ? "−" : "";
  const nano = value < 0n ? -value : value;
  if (nano >= 1_000_000_000n || nano % NANO_PER_CENT === 0n) {
    const cents = (nano + NANO_PER_CENT / 2n) / NANO_PER_CENT;
    return `${sign}$${(cents / 100n).toLocaleString("en-US")}.${String(cents % 100n).padStart(2, "0")}`;
  }
  const fraction = String(nano).padStart(9, "0").replace(/0+$/, "");
  return `${sign}$0.${fraction}`;
}

/** "$9.84" never rounded up: a balance must not promise what is not there. */
export function balance(nanoUsd: number): string {
  const value = BigInt(Math.trunc(nanoUsd));
  if (value > 0n && value < NANO_PER_CENT) return money(nanoUsd);
  const cents = value / NANO_PER_CENT;
  const sign = cents < 0n ? "−" : "";
  const absolute = cents < 0n ? -cents : cents;
  return `${sign}$${(absolute / 100n).toLocaleString("en-US")}.${String(absolute % 100n).padStart(2, "0")}`;
}

/** "0.5" for a field to edit: every digit, no sign of the currency. */
export function nanoToDollars(nanoUsd: number): string {
  const digits = String(nanoUsd).padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${digits.slice(0, -9)}${fraction && `.${fraction.padEnd(2, "0")}`}`;
}

/** "$104.99892": to the cent, and on to the last digit that is not zero, so that what stands in a column adds up. */
export function exact(nanoUsd: number): string {
  const digits = String(Math.abs(nanoUsd)).padStart(10, "0");
  const dollars = BigInt(digits.slice(0, -9)).toLocaleString("en-US");
  const fraction = digits.slice(-9).replace(/0+$/, "").padEnd(2, "0");
  return `${nanoUsd < 0 ? "−" : ""}$${dollars}.${fraction}`;
}

/** "+$5.00", "−$0.000636": a change, to its last digit. */
export const change = (nanoUsd: number): string => `${nanoUsd > 0 ? "+" : ""}${exact(nanoUsd)}`;

export const count = (value: number): string => value.toLocaleString("en-US");

/** "1.2 M", "13 B": for parameters. */
export function countShort(value: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const) {
    if (value >= size)
      return `${(value / size).toLocaleString("en-US", { maximumSignificantDigits: 3 })} ${unit}`;
  }
  return String(value);
}

export function duration(ms: number): string {
  if (ms < 1) return "under 1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;
export const score = (value: number): string => value.toFixed(2);
