/** Series as the charts draw them: smoothed without a false start, thinned without losing a spike. Pure. */

export interface Series {
  xs: number[];
  ys: number[];
}

/**
 * An exponential mean with its start corrected (as Adam corrects its moments): the first points are not pulled to 0.
 * `weight` 0 is the raw series, 0.99 a very calm one. What is not finite is passed by and breaks nothing.
 */
export function smoothed(ys: number[], weight: number): number[] {
  if (weight <= 0) return ys;
  let mean = 0;
  let sum = 0;
  return ys.map((y) => {
    if (!Number.isFinite(y)) return y;
    mean = weight * mean + (1 - weight) * y;
    sum = weight * sum + (1 - weight);
    return mean / sum;
  });
}

/** At most about `most` points: the lowest and the highest of each stretch stay, so that no spike is lost. */
export function envelope({ xs, ys }: Series, most: number): Series {
  if (xs.length <= most) return { xs, ys };
  const size = Math.ceil(xs.length / Math.max(1, Math.floor(most / 2)));
  const kept: number[] = [];
  for (let start = 0; start < xs.length; start += size) {
    let low = start;
    let high = start;
    for (let index = start; index < Math.min(xs.length, start + size); index += 1) {
      if ((ys[index] ?? 0) < (ys[low] ?? 0)) low = index;
      if ((ys[index] ?? 0) > (ys[high] ?? 0)) high = index;
    }
    kept.push(...(low === high ? [low] : [Math.min(low, high), Math.max(low, high)]));
  }
  const last = xs.length - 1;
  if (kept.at(-1) !== last) kept.push(last);
  const at = (column: number[]) => kept.map((index) => column[index] ?? Number.NaN);
  return { xs: at(xs), ys: at(ys) };
}
