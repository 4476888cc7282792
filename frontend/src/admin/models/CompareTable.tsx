/** Two reports family by family: shares with their intervals, the difference with its own. */
import { TableHead } from "../../ui/TableHead";
import type { ComparedRow, ShareRow } from "../api_types";
import { a } from "../strings";
import {
  differenceInterval,
  familiesSorted,
  intervalWords,
  percentWords,
  pointsWords,
} from "./compare_words";

const VERDICT_COLOURS: Record<ComparedRow["verdict"], string> = {
  better: "text-accept",
  worse: "text-reject",
  same: "text-soft",
  unmeasured: "text-soft",
};

export function CompareTable({ totals, families }: { totals: ComparedRow[]; families: ComparedRow[] }) {
  const { columns } = a.compare;
  return (
    <section aria-label={a.compare.families} tabIndex={0} className="scrolls">
      <table className="figures w-full min-w-[720px] text-right text-sm">
        <TableHead
          columns={[
            { label: columns.family, align: "left" },
            columns.a,
            columns.b,
            { label: "95 %", width: "w-[26%]", isUnseen: true },
            columns.difference,
            columns.n,
          ]}
          gap="before"
        />
        <tbody>
          {totals.map((row) => (
            <Row key={row.name} row={row} name={a.compare.totals[row.name] ?? row.name} isTotal />
          ))}
          {familiesSorted(families).map((row) => (
            <Row key={row.name} row={row} name={row.name.replaceAll("_", " ")} isTotal={false} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ row, name, isTotal }: { row: ComparedRow; name: string; isTotal: boolean }) {
  return (
    <tr className={`border-b border-line ${isTotal ? "font-semibold" : ""}`}>
      <td className="py-2 text-left">{name}</td>
      <ShareCell share={row.a} />
      <ShareCell share={row.b} />
      <td className="py-2 pl-4">
        <Intervals row={row} />
      </td>
      <td className="py-2 pl-4 whitespace-nowrap">
        {row.verdict !== "unmeasured" && (
          <>
            {pointsWords(row.difference)}{" "}
            <span className="font-normal text-soft">({differenceInterval(row)})</span>{" "}
          </>
        )}
        <span className={`block font-normal ${VERDICT_COLOURS[row.verdict]}`}>
          {a.compare.verdicts[row.verdict]}
        </span>
      </td>
      <td className="py-2 pl-4 font-normal text-soft">
        {row.a.n === row.b.n ? row.a.n : `${row.a.n}, ${row.b.n}`}
      </td>
    </tr>
  );
}

function ShareCell({ share }: { share: ShareRow }) {
  return (
    <td className="py-2 pl-4 whitespace-nowrap">
      {percentWords(share)}
      {share.n > 0 && <span className="block font-normal text-soft">{intervalWords(share)}</span>}
    </td>
  );
}

/** The two intervals above each other on one scale from 0 to 100. */
function Intervals({ row }: { row: ComparedRow }) {
  return (
    <span aria-hidden="true" className="relative block h-4">
      <span className="absolute inset-x-0 top-1/2 h-px bg-line" />
      <Interval share={row.a} className="top-0.5 bg-soft" />
      <Interval share={row.b} className="bottom-0.5 bg-accent" />
    </span>
  );
}

function Interval({ share, className }: { share: ShareRow; className: string }) {
  if (!share.n) return null;
  const [low, high] = [share.interval_low, share.interval_high];
  return (
    <span
      className={`absolute h-1 min-w-0.5 rounded-full ${className}`}
      style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }}
    />
  );
}
