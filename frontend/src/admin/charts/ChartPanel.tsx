/** The curves of a job: loss large, the others small beneath it, one set of choices for all; or all as one table. */
import { useMemo, useState } from "react";
import { Chips } from "../../ui/Chips";
import { Panel } from "../../ui/Panel";
import { TableHead } from "../../ui/TableHead";
import { Toggle } from "../../ui/Toggle";
import type { Point } from "../jobs/job_log";
import { metricNames } from "../jobs/job_log";
import { a } from "../strings";
import { AlertList } from "./AlertList";
import { type Alert, alertX, markOf } from "./alerts";
import { MetricChart } from "./MetricChart";
import type { ChartMark } from "./plot";
import { type ChartView, curveOf, tableRows, VIEW_FIRST, valueWords } from "./series";

export interface Compared {
  label: string;
  points: Point[];
}

interface ChartPanelProps {
  points: Point[];
  compared: Compared[];
  alerts: Alert[];
  /** No further point comes. */
  isOver?: boolean;
  onCompare: (() => void) | null;
}

const SMALL = ["learning_rate", "gradient_norm", "tokens_per_second"];
const COUNTS = ["num_tokens", "num_problems"]; // they only count up with the steps
const HEIGHT_LARGE = 320;
const HEIGHT_SMALL = 150;
const SMOOTHING_MAX = 0.99;
const NO_MARKS: ChartMark[] = []; // small charts have no room for numbers

export function ChartPanel({ points, compared, alerts, isOver = false, onCompare }: ChartPanelProps) {
  const [view, setView] = useState<ChartView>(VIEW_FIRST);
  const [isTable, setTable] = useState(false);
  const names = useMemo(() => metricNames(points).filter((name) => !COUNTS.includes(name)), [points]);
  const large = names.filter((name) => name.includes("loss") || !SMALL.includes(name)).slice(0, 2);
  const marks = useMemo(
    () =>
      alerts.map((alert, index) => ({
        x: alertX(alert, points, view.xAxis),
        text: markOf(index),
        isGrave: alert.kind !== "spike" && alert.kind !== "stall",
      })),
    [alerts, points, view.xAxis],
  );
  const small = names.filter((name) => SMALL.includes(name));
  return (
    <Panel
      title={a.charts.title}
      tools={
        points.length > 0 && (
          <Tools {...{ view, setView, isTable, setTable, onCompare, numCompared: compared.length }} />
        )
      }
    >
      {points.length === 0 && (
        <p className="py-8 font-serif text-md text-soft">{isOver ? a.charts.emptyOver : a.charts.empty}</p>
      )}
      {points.length > 0 && isTable && <MetricTable points={points} names={names} />}
      {points.length > 0 && !isTable && (
        <>
          {large.map((name) => (
            <Metric key={name} {...{ name, points, compared, view, marks }} height={HEIGHT_LARGE} />
          ))}
          {small.length > 0 && (
            <div className="grid grid-cols-3 gap-6 border-t border-line pt-4 max-md:grid-cols-1">
              {small.map((name) => (
                <Metric
                  key={name}
                  {...{ name, points, compared, view }}
                  marks={NO_MARKS}
                  height={HEIGHT_SMALL}
                />
              ))}
            </div>
          )}
          <p className="text-xs text-soft">{a.charts.zoomHint}</p>
          <AlertList alerts={alerts} />
        </>
      )}
    </Panel>
  );
}

interface MetricProps {
  name: string;
  points: Point[];
  compared: Compared[];
  view: ChartView;
  marks: ChartMark[];
  height: number;
}

function Metric({ name, points, compared, view, marks, height }: MetricProps) {
  const others = useMemo(
    () => compared.map((other) => curveOf(other.label, other.points, name, view)),
    [compared, name, view],
  );
  const curves = useMemo(() => [curveOf("", points, name, view), ...others], [points, others, name, view]);
  return <MetricChart name={name} curves={curves} view={view} marks={marks} height={height} />;
}

interface ToolsProps {
  view: ChartView;
  setView: (view: ChartView) => void;
  isTable: boolean;
  setTable: (isTable: boolean) => void;
  onCompare: (() => void) | null;
  numCompared: number;
}

function Tools({ view, setView, isTable, setTable, onCompare, numCompared }: ToolsProps) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <label className="flex items-center gap-2 text-sm text-soft">
        <span className="figures w-24 text-right max-md:w-auto">{a.charts.smoothValue(view.smoothing)}</span>
        <input
          type="range"
          aria-label={a.charts.smooth}
          min={0}
          max={SMOOTHING_MAX}
          step={0.01}
          value={view.smoothing}
          onChange={(event) => setView({ ...view, smoothing: Number(event.target.value) })}
          className="w-28 accent-accent max-md:h-11"
        />
      </label>
      <Toggle isOn={view.isLogY} onChange={(isLogY) => setView({ ...view, isLogY })}>
        {a.charts.logY}
      </Toggle>
      <Toggle isOn={view.isLogX} onChange={(isLogX) => setView({ ...view, isLogX })}>
        {a.charts.logX}
      </Toggle>
      <Chips
        label={a.charts.axis}
        value={view.xAxis}
        options={[
          { value: "step", label: a.charts.axes.step },
          { value: "time", label: a.charts.axes.time },
        ]}
        onChange={(xAxis) => setView({ ...view, xAxis })}
      />
      {onCompare && (
        <Toggle isOn={numCompared > 0} onChange={onCompare}>
          {a.charts.compare(numCompared)}
        </Toggle>
      )}
      <Toggle isOn={isTable} onChange={setTable}>
        {isTable ? a.charts.asChart : a.charts.asTable}
      </Toggle>
    </div>
  );
}

function MetricTable({ points, names }: { points: Point[]; names: string[] }) {
  const rows = useMemo(() => tableRows(points, names), [points, names]);
  return (
    <section aria-label={a.charts.asTable} tabIndex={0} className="scrolls max-h-[420px] overflow-y-auto">
      <table className="figures w-full min-w-[560px] text-right text-sm">
        <TableHead
          columns={[
            { label: a.charts.step, align: "left" },
            ...names.map((name) => a.charts.names[name] ?? name.replaceAll("_", " ")),
          ]}
          gap="before"
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.step} className="border-b border-line">
              <td className="py-1.5 text-left">{row.step.toLocaleString("en-US")}</td>
              {row.values.map((value, index) => (
                <td key={names[index]} className="py-1.5 pl-4">
                  {value === null ? "" : valueWords(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
