/** From a job's points to what a chart draws: one metric over steps or over time. Pure. */
import type { Point } from "../jobs/job_log";
import { envelope, type Series, smoothed } from "./smoothing";

export const POINTS_DRAWN_MAX = 2_000; // more than a screen has pixels
export const COMPARED_MAX = 8;

export type XAxis = "step" | "time";

export interface ChartView {
  smoothing: number;
  isLogY: boolean;
  isLogX: boolean;
  xAxis: XAxis;
}

export const VIEW_FIRST: ChartView = { smoothing: 0.6, isLogY: false, isLogX: false, xAxis: "step" };

export interface Curve {
  label: string;
  raw: Series;
  calm: Series;
}

/** Minutes since the first point, pauses and lost attempts included: what a person waited. */
export function seriesOf(points: Point[], name: string, view: ChartView): Series {
  const startMs = points[0]?.atMs ?? 0;
  const xs: number[] = [];
  const ys: number[] = [];
  for (const point of points) {
    const y = point.values[name];
    const x = view.xAxis === "step" ? point.step : (point.atMs - startMs) / 60_000;
    if (y === undefined || !Number.isFinite(y)) continue;
    if ((view.isLogY && y <= 0) || (view.isLogX && x <= 0)) continue; // a logarithm has no place for it
    xs.push(x);
    ys.push(y);
  }
  return { xs, ys };
}

export function curveOf(label: string, points: Point[], name: string, view: ChartView): Curve {
  const whole = seriesOf(points, name, view);
  const calm = { xs: whole.xs, ys: smoothed(whole.ys, view.smoothing) };
  return { label, raw: envelope(whole, POINTS_DRAWN_MAX), calm: envelope(calm, POINTS_DRAWN_MAX) };
}

/** The curves on one x axis: a row of xs, and a column a curve with null where it has no point. */
export function aligned(columns: Series[]): (number | null)[][] {
  const xs = [...new Set(columns.flatMap((column) => column.xs))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, index) => [x, index]));
  const rows = columns.map((column) => {
    const row: (number | null)[] = new Array(xs.length).fill(null);
    column.xs.forEach((x, index) => {
      row[place.get(x) ?? 0] = column.ys[index] ?? null;
    });
    return row;
  });
  return [xs, ...rows];
}

const ROWS_SHOWN_MAX = 100;

/** The table beside a chart: evenly chosen rows, the last one always among them. */
export function tableRows(points: Point[], names: string[]): { step: number; values: (number | null)[] }[] {
  const with_ = points.filter((point) => names.some((name) => name in point.values));
  const every = Math.max(1, Math.ceil(with_.length / ROWS_SHOWN_MAX));
  return with_
    .filter((_, index) => index % every === 0 || index === with_.length - 1)
    .map((point) => ({ step: point.step, values: names.map((name) => point.values[name] ?? null) }));
}

/** "0.418", "1.2e-4", "6,930": as many digits as carry something. */
export function valueWords(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1).replace("+", "");
  if (size < 100) return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  return Math.round(value).toLocaleString("en-US");
}
