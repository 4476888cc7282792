/** What a job that makes one model tells of it, out of its metrics: sizes and figures before and after. Pure. */
import type { Point } from "./job_log";

/** One number format of the same weights. */
export interface FormatFacts {
  format: string; // "bfloat16", "int4"
  numBytes: number;
  shareRight: number | null; // null: not measured
  tokensPerSecond: number | null;
}

/** The newest value of each metric. */
export function valuesLast(points: readonly Point[]): Record<string, number> {
  return Object.assign({}, ...points.map((point) => point.values));
}

/** In the order they were measured: what the weights were before, then what they became. */
export function formatsOf(values: Record<string, number>): FormatFacts[] {
  return Object.entries(values).flatMap(([name, numBytes]) => {
    const format = /^num_bytes_(.+)$/.exec(name)?.[1];
    if (!format) return [];
    return [
      {
        format,
        numBytes,
        shareRight: values[`share_right_${format}`] ?? null,
        tokensPerSecond: values[`tokens_per_second_${format}`] ?? null,
      },
    ];
  });
}
