/** "5.2 MB", "71 GB": sizes as disks and devices state them, by thousands. */
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (size >= 1_000 && unit < UNITS.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${size.toLocaleString("en-US", { maximumSignificantDigits: size < 100 ? 2 : 3 })} ${UNITS[unit]}`;
}
