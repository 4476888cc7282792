/**
 * uPlot's options for one metric: hairlines, labels inside the frame, the main curve in accent over its raw ghost,
 * others dashed in grey with their names at their ends. Colours are the page's own, read from its style sheet.
 */
import type uPlot from "uplot";
import { aligned, type ChartView, type Curve, valueWords } from "./series";

export interface ChartMark {
  x: number;
  text: string;
  isGrave: boolean;
}

export interface Colours {
  line: string;
  soft: string;
  ink: string;
  accent: string;
  raised: string;
  abstain: string;
  reject: string;
}

export function coloursRead(): Colours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    line: read("--line"),
    soft: read("--soft"),
    ink: read("--ink"),
    accent: read("--accent"),
    raised: read("--raised"),
    abstain: read("--abstain"),
    reject: read("--reject"),
  };
}

const FONT = '11.5px "Inter Variable", system-ui, sans-serif';
const GHOST = "40"; // hex alpha: a quarter of the strength
const DASHES = [
  [6, 4],
  [2, 3],
  [10, 4],
  [6, 3, 2, 3],
];

/** uPlot's columns: xs, then for each curve its raw and its smoothed values. */
export const plotData = (curves: Curve[]): uPlot.AlignedData =>
  aligned(curves.flatMap((curve) => [curve.raw, curve.calm])) as uPlot.AlignedData;

/** The one chart of a page whose x range all others share. */
const SYNC_KEY = "job-charts";

export function plotOptions(
  curves: Curve[],
  view: ChartView,
  size: { width: number; height: number },
  colours: Colours,
  marks: ChartMark[],
  onHover: (index: number | null) => void,
): uPlot.Options {
  return {
    ...size,
    padding: [12, 28, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC_KEY, scales: ["x", null] },
      drag: { x: true, y: false },
      points: { show: false },
    },
    scales: {
      x: { time: false, distr: view.isLogX ? 3 : 1 },
      y: view.isLogY ? { distr: 3 } : { range: (_, low, high) => rangeLinear(low, high) },
    },
    axes: [axis(colours, false), axis(colours, true)],
    series: [{}, ...curves.flatMap((curve, place) => strokes(curve, place, view, colours))],
    hooks: {
      draw: [
        (plot) => {
          marksDraw(plot, marks, colours);
          ends(plot, curves, colours);
        },
      ],
      setCursor: [(plot) => onHover(plot.cursor.idx ?? null)],
    },
  };
}

function rangeLinear(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low * 1.2), Math.max(0, high * 1.2)];
  const air = (high - low) * 0.06;
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

function axis(colours: Colours, isY: boolean): uPlot.Axis {
  return {
    stroke: colours.soft,
    font: FONT,
    size: isY ? 56 : 28,
    gap: 6,
    grid: { show: isY, stroke: colours.line, width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (value === null ? "" : valueWords(value))),
  };
}

function strokes(curve: Curve, place: number, view: ChartView, colours: Colours): uPlot.Series[] {
  const isMain = place === 0;
  const base = { spanGaps: true, points: { show: false } };
  const isRawShown = isMain && view.smoothing > 0;
  const stroke = isMain ? colours.accent : colours.soft;
  const dash = isMain ? undefined : DASHES[(place - 1) % DASHES.length];
  const few = curve.calm.xs.length === 1; // a line of one point would not be seen
  return [
    { ...base, label: curve.label, show: isRawShown, stroke: `${colours.accent}${GHOST}`, width: 1 },
    {
      ...base,
      label: curve.label,
      stroke,
      width: isMain ? 2 : 1.25,
      ...(dash ? { dash } : {}),
      points: { show: few, size: 6, fill: stroke },
    },
  ];
}

/** The last point of each curve: a dot and its value for the main one, its name for the others. */
function ends(plot: uPlot, curves: Curve[], colours: Colours): void {
  const { ctx } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.textAlign = "left"; // the axes left it as they needed it
  ctx.textBaseline = "alphabetic";
  ctx.font = `${11.5 * scale}px "Inter Variable", system-ui, sans-serif`;
  curves.forEach((curve, place) => {
    const [x, y] = [curve.calm.xs.at(-1), curve.calm.ys.at(-1)];
    if (x === undefined || y === undefined) return;
    const { min, max } = plot.scales.x ?? {};
    if (x < (min ?? x) || x > (max ?? x)) return;
    const [left, top] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
    const text = place === 0 ? valueWords(y) : curve.label;
    const width = ctx.measureText(text).width;
    const right = plot.bbox.left + plot.bbox.width;
    const textLeft = Math.min(left + 8 * scale, right - width);
    if (place === 0) {
      ctx.fillStyle = colours.accent;
      ctx.beginPath();
      ctx.arc(left, top, 4 * scale, 0, 2 * Math.PI);
      ctx.fill();
    }
    // The name stands above the line's end, the value below it, each inside the frame.
    const below = Math.min(top + 18 * scale, plot.bbox.top + plot.bbox.height - 4 * scale);
    const above = Math.max(top - 8 * scale, plot.bbox.top + 10 * scale);
    ctx.fillStyle = place === 0 ? colours.ink : colours.soft;
    ctx.fillText(text, textLeft, place === 0 ? below : above);
  });
  ctx.restore();
}

const MARK_APART = 14; // pixels between two numbers: closer ones share a line's place, the list tells them apart

/** A dashed line from top to bottom at each alert, its number above it. */
function marksDraw(plot: uPlot, marks: ChartMark[], colours: Colours): void {
  const { ctx } = plot;
  const scale = devicePixelRatio;
  const { left, top, width, height } = plot.bbox;
  let numberEnd = Number.NEGATIVE_INFINITY;
  ctx.save();
  ctx.font = `600 ${11 * scale}px "Inter Variable", system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const mark of [...marks].sort((one, other) => one.x - other.x)) {
    const x = Math.round(plot.valToPos(mark.x, "x", true));
    if (!Number.isFinite(x) || x < left || x > left + width) continue;
    ctx.strokeStyle = ctx.fillStyle = mark.isGrave ? colours.reject : colours.abstain;
    ctx.lineWidth = scale;
    ctx.setLineDash([3 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, top + 2 * scale);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    if (x < numberEnd + MARK_APART * scale) continue;
    ctx.fillText(mark.text, x, top - 1 * scale);
    numberEnd = x;
  }
  ctx.restore();
}
