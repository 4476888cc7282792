/** An audit entry's before and after, field by field, in words. Pure. */
import { money } from "../../format/numbers";
import type { AuditEntry } from "./api";

export interface Change {
  name: string;
  before: string | null; // null: it was not there
  after: string | null; // null: it is gone
}

export function changesOf(entry: Pick<AuditEntry, "before" | "after">): Change[] {
  const names = new Set([...Object.keys(entry.before ?? {}), ...Object.keys(entry.after ?? {})]);
  return [...names].map((name) => ({
    name: name
      .replace(/_nano_usd\b/, "")
      .replace("nano_usd_per_token", "price a token")
      .replaceAll("_", " "),
    before: entry.before && name in entry.before ? words(name, entry.before[name]) : null,
    after: entry.after && name in entry.after ? words(name, entry.after[name]) : null,
  }));
}

function words(name: string, value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "number" && name.includes("nano_usd")) return money(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
