/** What a model was measured to do, family by family: share right with its 95 % interval, with and without tools. */
import type { FamilyRow } from "../api/types";
import { count } from "../format/numbers";
import { t } from "../strings";

const cell = (share: number | null | undefined) =>
  share === null || share === undefined ? "" : Math.round(share * 100);

export function FamilyTable({ rows }: { rows: FamilyRow[] }) {
  const { columns } = t.models;
  return (
    <div className="flex flex-col gap-1">
      <h3 className="text-sm font-semibold">{t.models.measured}</h3>
      <p className="text-sm text-soft">{t.models.measuredHint}</p>
      <section aria-label={t.models.measured} tabIndex={0} className="scrolls mt-2">
        <table className="figures w-full max-w-[860px] min-w-[520px] text-right text-sm">
          <thead>
            <tr className="border-b border-line text-soft">
              <th className="py-2 text-left font-medium">{columns.family}</th>
              <th className="w-[28%] py-2 font-medium">
                <span className="sr-only">{columns.interval}</span>
              </th>
              <th className="py-2 pl-4 font-medium">{columns.tools}</th>
              <th className="py-2 pl-4 font-medium">{columns.interval}</th>
              <th className="py-2 pl-4 font-medium">{columns.verified}</th>
              <th className="py-2 pl-4 font-medium">{columns.noTools}</th>
              <th className="py-2 pl-4 font-medium">{columns.n}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.family} className="border-b border-line">
                <td className="py-2 text-left">{row.family.replaceAll("_", " ")}</td>
                <td className="py-2 pl-4">
                  <ShareBar row={row} />
                </td>
                <td className="py-2 pl-4 font-medium">{cell(row.with_tools)}</td>
                <td className="py-2 pl-4 whitespace-nowrap text-soft">
                  {row.interval_low === null || row.interval_low === undefined
                    ? ""
                    : `${cell(row.interval_low)}–${cell(row.interval_high)}`}
                </td>
                <td className="py-2 pl-4 text-soft">{cell(row.verified)}</td>
                <td className="py-2 pl-4 text-soft">{cell(row.without_tools)}</td>
                <td className="py-2 pl-4 text-soft">{count(row.n)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function ShareBar({ row }: { row: FamilyRow }) {
  const share = row.with_tools ?? 0;
  return (
    <span aria-hidden="true" className="relative block h-1 rounded-full bg-line">
      <span
        className="absolute inset-y-0 left-0 rounded-full bg-accent"
        style={{ width: `${share * 100}%` }}
      />
      {typeof row.interval_low === "number" && typeof row.interval_high === "number" && (
        <span
          className="absolute top-1/2 h-px -translate-y-1/2 bg-ink"
          style={{
            left: `${row.interval_low * 100}%`,
            width: `${(row.interval_high - row.interval_low) * 100}%`,
          }}
        />
      )}
    </span>
  );
}
