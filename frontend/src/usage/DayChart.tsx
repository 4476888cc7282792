/** Cost per day, stacked by kind of token, drawn as SVG; the same numbers as a table behind a toggle. */
import { useEffect, useRef, useState } from "react";
import type { UsageDay } from "../api/types";
import { dayMonth } from "../format/dates";
import { count, money } from "../format/numbers";
import { t } from "../strings";
import { usageKinds } from "../trace/trace_views";
import { TableHead } from "../ui/TableHead";
import { scaleOf } from "./days";

const WIDTH_MIN = 280;
const HEIGHT = 220;
const LEFT = 84; // room for "$0.000636" inside the frame
const BOTTOM = 26;
const TOP = 12;
const LABEL_PX = 76; // a day's name and the space around it

const KINDS = [
  { name: "prompt", label: t.usage.kinds.prompt, opacity: 0.28 },
  { name: "toolResults", label: t.usage.kinds.toolResults, opacity: 0.48 },
  { name: "reasoning", label: t.usage.kinds.reasoning, opacity: 0.74 },
  { name: "answer", label: t.usage.kinds.answer, opacity: 1 },
] as const;

export function DayChart({ days, priceNanoUsd }: { days: UsageDay[]; priceNanoUsd: number }) {
  const [isTable, setTable] = useState(false);
  return (
    <figure className="flex flex-col gap-3">
      {isTable ? <DayTable days={days} /> : <Bars days={days} priceNanoUsd={priceNanoUsd} />}
      <figcaption className="flex flex-wrap items-center gap-x-5 gap-y-1 text-xs text-soft">
        {!isTable &&
          KINDS.map((kind) => (
            <span key={kind.name} className="flex items-center gap-1.5">
              <span
                aria-hidden="true"
                className="size-2.5 rounded-[2px] bg-accent"
                style={{ opacity: kind.opacity }}
              />
              {kind.label}
            </span>
          ))}
        <span>{t.usage.chartNote}</span>
        <button
          type="button"
          onClick={() => setTable(!isTable)}
          className="underline decoration-line-strong underline-offset-4 hover:text-ink"
        >
          {isTable ? t.usage.asChart : t.usage.asTable}
        </button>
      </figcaption>
    </figure>
  );
}

function Bars({ days, priceNanoUsd }: { days: UsageDay[]; priceNanoUsd: number }) {
  const { top, ticks } = scaleOf(Math.max(...days.map((day) => day.cost_nano_usd)));
  const y = (nanoUsd: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - nanoUsd / top);
  const [frame, frameWidth] = useWidth();
  const slot = (frameWidth - LEFT) / days.length;
  const width = Math.max(1.5, Math.min(28, slot * 0.62));
  const labelEvery = Math.ceil((days.length * LABEL_PX) / (frameWidth - LEFT));
  return (
    <div ref={frame}>
      <svg width={frameWidth} height={HEIGHT} role="img" aria-label={t.usage.chart} className="block">
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={frameWidth} y1={y(tick)} y2={y(tick)} className="stroke-line" />
            <text x={LEFT - 12} y={y(tick) + 4} textAnchor="end" className="figures fill-soft text-[11.5px]">
              {money(tick)}
            </text>
          </g>
        ))}
        {days.map((day, index) => {
          const x = LEFT + slot * index + (slot - width) / 2;
          return (
            <g key={day.day}>
              <title>{t.usage.dayTitle(dayMonth(day.day), day.cost_nano_usd, day.num_runs)}</title>
              <rect
                x={LEFT + slot * index}
                y={TOP}
                width={slot}
                height={HEIGHT - TOP - BOTTOM}
                fill="transparent"
              />
              <Stack day={day} priceNanoUsd={priceNanoUsd} x={x} width={width} y={y} />
              {index % labelEvery === 0 && (
                <text
                  x={x + width / 2}
                  y={HEIGHT - 6}
                  textAnchor="middle"
                  className="fill-soft text-[11.5px]"
                >
                  {dayMonth(day.day)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** The frame's own width in pixels, so that the type keeps its size on a phone. */
function useWidth() {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(WIDTH_MIN);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(WIDTH_MIN, Math.floor(entry.contentRect.width)));
    });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  return [frame, width] as const;
}

interface StackProps {
  day: UsageDay;
  priceNanoUsd: number;
  x: number;
  width: number;
  y: (nanoUsd: number) => number;
}

function Stack({ day, priceNanoUsd, x, width, y }: StackProps) {
  const kinds = usageKinds(day);
  // What was not charged has tokens but no cost: the parts are scaled to the day's cost, which is what is drawn.
  const listed = kinds.total * priceNanoUsd;
  const scale = listed > 0 ? (day.cost_nano_usd / listed) * priceNanoUsd : 0;
  let base = 0;
  const bars = KINDS.map((kind) => {
    const from = base;
    base += kinds[kind.name] * scale;
    return (
      <rect
        key={kind.name}
        x={x}
        width={width}
        y={y(base)}
        height={Math.max(0, y(from) - y(base))}
        className="fill-accent"
        opacity={kind.opacity}
      />
    );
  });
  return (
    <>
      <rect x={x} width={width} y={y(base)} height={Math.max(0, y(0) - y(base))} className="fill-paper" />
      {bars}
    </>
  );
}

function DayTable({ days }: { days: UsageDay[] }) {
  const used = days.filter((day) => day.num_runs > 0);
  return (
    <div className="scrolls">
      <table className="figures w-full min-w-[560px] text-right text-sm">
        <TableHead
          columns={[
            { label: t.usage.columns.day, align: "left" },
            ...KINDS.map((kind) => kind.label),
            t.usage.columns.runs,
            t.usage.columns.cost,
          ]}
          gap="before"
        />
        <tbody>
          {used.map((day) => (
            <tr key={day.day} className="border-b border-line">
              <td className="py-2 text-left">{day.day}</td>
              {KINDS.map((kind) => (
                <td key={kind.name} className="py-2 pl-4">
                  {count(usageKinds(day)[kind.name])}
                </td>
              ))}
              <td className="py-2 pl-4">{count(day.num_runs)}</td>
              <td className="py-2 pl-4">{money(day.cost_nano_usd)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
