/** Local time for reading, UTC for exactness (in `title`). */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayShort = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const dayYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const dayLong = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });

export const timeOfDay = (iso: string): string => clock.format(new Date(iso));
/** The year only where it is not this one. */
export function dayMonth(iso: string, now: Date = new Date()): string {
  const day = new Date(iso);
  return (day.getFullYear() === now.getFullYear() ? dayShort : dayYear).format(day);
}
export const dateTime = (iso: string): string => `${dayMonth(iso)}, ${timeOfDay(iso)}`;
export const utc = (iso: string): string =>
  new Date(iso)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z/, " UTC");

export function dayName(iso: string, now: Date = new Date()): string {
  const day = new Date(iso);
  const dayStart = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const daysAgo = Math.round((dayStart(now) - dayStart(day)) / 86_400_000);
  if (daysAgo === 0) return "Today";
  if (daysAgo === 1) return "Yesterday";
  return dayLong.format(day);
}

/** "2026-11-23", the UTC day: usage is counted by it. */
export const utcDay = (date: Date): string => date.toISOString().slice(0, 10);
