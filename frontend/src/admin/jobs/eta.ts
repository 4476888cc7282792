/**
 * How much is left, as a range: from the pace of the newest steps, the quicker and the slower quarter of them. One
 * number would pretend to know. Pure.
 */
import type { Point } from "./job_log";

const STEPS_LOOKED_AT = 60;
const STEPS_MIN = 4; // fewer tell no range

export interface Range {
  lowSeconds: number;
  highSeconds: number;
}

export function etaRange(points: Point[], numSteps: number | null, etaSeconds: number | null): Range | null {
  const last = points.at(-1);
  if (!last || !numSteps) return etaSeconds === null ? null : around(etaSeconds);
  const left = Math.max(0, numSteps - last.step);
  if (left === 0) return { lowSeconds: 0, highSeconds: 0 };
  const paces = stepSeconds(points.slice(-STEPS_LOOKED_AT));
  if (paces.length < STEPS_MIN) return etaSeconds === null ? null : around(etaSeconds);
  paces.sort((a, b) => a - b);
  const quartile = (share: number) => paces[Math.floor(share * (paces.length - 1))] ?? 0;
  const mean = paces.reduce((sum, pace) => sum + pace, 0) / paces.length;
  // Pauses (a checkpoint, an evaluation) are in the mean but not in the quarters: the range holds both.
  return {
    lowSeconds: left * Math.min(quartile(0.25), mean),
    highSeconds: left * Math.max(quartile(0.75), mean),
  };
}

function stepSeconds(points: Point[]): number[] {
  const paces: number[] = [];
  for (let index = 1; index < points.length; index += 1) {
    const [before, after] = [points[index - 1], points[index]];
    if (!before || !after || after.step <= before.step || after.atMs <= before.atMs) continue;
    paces.push((after.atMs - before.atMs) / 1000 / (after.step - before.step));
  }
  return paces;
}

const around = (seconds: number): Range => ({ lowSeconds: seconds * 0.9, highSeconds: seconds * 1.15 });

const MINUTE = 60;
const HOUR = 3_600;

/** "21 to 26 min", "40 to 55 s", "2.1 to 2.6 h". */
export function rangeWords({ lowSeconds, highSeconds }: Range): string {
  const [size, unit] =
    highSeconds < 2 * MINUTE ? [1, "s"] : highSeconds < 2 * HOUR ? [MINUTE, "min"] : [HOUR, "h"];
  const show = (seconds: number) =>
    unit === "h" ? (seconds / size).toFixed(1) : String(Math.max(1, Math.round(seconds / size)));
  const [low, high] = [show(lowSeconds), show(highSeconds)];
  return low === high ? `${high} ${unit}` : `${low} to ${high} ${unit}`;
}

/** "3 s", "4 min", "2.5 h": how long something takes or has been. */
export function secondsWords(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 90 * MINUTE) return `${Math.round(seconds / MINUTE)} min`;
  if (seconds < 48 * HOUR) return `${(seconds / HOUR).toFixed(1)} h`;
  return `${Math.round(seconds / (24 * HOUR))} d`;
}
