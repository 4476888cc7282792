/** One metric over steps or time, on a canvas; what it shows in words stands beside it. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { a } from "../strings";
import { type ChartMark, coloursRead, plotData, plotOptions } from "./plot";
import { type ChartView, type Curve, valueWords } from "./series";

interface MetricChartProps {
  name: string;
  curves: Curve[];
  view: ChartView;
  height: number;
  marks: ChartMark[];
}

export function MetricChart({ name, curves, view, height, marks }: MetricChartProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const data = useMemo(() => plotData(curves), [curves]);
  const frame = usePlot({ curves, data, view, height, marks, onHover: setHovered });
  const label = a.charts.names[name] ?? name.replaceAll("_", " ");
  const words = readout(data, curves, hovered, view);
  return (
    <figure className="flex min-w-0 flex-col gap-1" aria-label={label}>
      <figcaption className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="text-sm font-semibold">{label}</span>
        <span className="figures text-xs text-soft">{words}</span>
      </figcaption>
      <div ref={frame} role="img" aria-label={`${label}. ${words}`} className="min-w-0" style={{ height }} />
    </figure>
  );
}

/** The values under the cursor, or the last ones: the true value beside the smoothed one. */
function readout(data: uPlot.AlignedData, curves: Curve[], hovered: number | null, view: ChartView): string {
  const xs = data[0];
  // Of the job itself where nothing is pointed at: a job beside it may have gone further.
  const index = hovered ?? lastWithValue(data[2]) ?? xs.length - 1;
  const x = xs[index];
  if (x === undefined) return "";
  const parts = curves.flatMap((curve, place) => {
    const [raw, calm] = [data[1 + 2 * place]?.[index], data[2 + 2 * place]?.[index]];
    if (calm === null || calm === undefined) return [];
    const value = valueWords(calm);
    const isSame = view.smoothing === 0 || place > 0 || raw === null || raw === undefined;
    const words = isSame ? value : `${value} ${a.charts.raw(valueWords(raw))}`;
    return [place === 0 ? words : `${curve.label} ${words}`];
  });
  const where = view.xAxis === "step" ? a.job.stepAt(x) : `${valueWords(x)} ${a.charts.minutes}`;
  return parts.length ? `${where}: ${parts.join(", ")}` : "";
}

function lastWithValue(column: ArrayLike<number | null | undefined> | undefined): number | null {
  for (let index = (column?.length ?? 0) - 1; index >= 0; index -= 1)
    if (typeof column?.[index] === "number") return index;
  return null;
}

interface PlotNeeds {
  curves: Curve[];
  data: uPlot.AlignedData;
  view: ChartView;
  height: number;
  marks: ChartMark[];
  onHover: (index: number | null) => void;
}

/** The canvas lives as long as the kind of chart does; new points are given to it without making it anew. */
function usePlot({ curves, data, view, height, marks, onHover }: PlotNeeds) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ curves, data, marks });
  latest.current = { curves, data, marks };
  const theme = useThemeCount();
  const shape = `${view.isLogX}${view.isLogY}${view.xAxis}${view.smoothing > 0}${curves.map((curve) => curve.label).join("|")}${theme}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` holds what the canvas is made of
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const size = { width: element.clientWidth || 300, height };
    const options = () =>
      plotOptions(latest.current.curves, view, size, coloursRead(), latest.current.marks, onHover);
    const made = new uPlot(options(), latest.current.data, element);
    // What is drawn at the ends and at the alerts is the latest, not that of the day the canvas was made.
    made.hooks.draw = [(self) => options().hooks?.draw?.[0]?.(self)];
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth || 300, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, height]);
  useEffect(() => {
    const isZoomed = isZoomedIn(plot.current);
    plot.current?.setData(data, !isZoomed);
    if (isZoomed) plot.current?.redraw(true);
  }, [data]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew when an alert comes or goes
  useEffect(() => plot.current?.redraw(false), [marks]);
  return frame;
}

/** A reader who looks at a part keeps it while points come in. */
function isZoomedIn(plot: uPlot | null): boolean {
  const xs = plot?.data[0];
  const { min, max } = plot?.scales.x ?? {};
  if (!xs?.length || typeof min !== "number" || typeof max !== "number") return false; // null: not drawn yet
  return min > (xs[0] ?? min) || max < (xs.at(-1) ?? max);
}

/** Counts the changes of theme: the canvas does not follow the style sheet by itself. */
function useThemeCount(): number {
  const [number, setNumber] = useState(0);
  useEffect(() => {
    const observer = new MutationObserver(() => setNumber((before) => before + 1));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    return () => observer.disconnect();
  }, []);
  return number;
}
