/** Who moved an alias where, when and why; newest first. */
import { dateTime, utc } from "../../format/dates";
import { TableHead } from "../../ui/TableHead";
import type { PromotionRow } from "../api_types";
import { a } from "../strings";

export function HistoryTable({ rows }: { rows: PromotionRow[] }) {
  const { columns } = a.promote;
  if (rows.length === 0) return <p className="text-soft">{a.promote.historyEmpty}</p>;
  return (
    <section aria-label={a.promote.history} tabIndex={0} className="scrolls">
      <table className="figures w-full min-w-[640px] text-left text-sm">
        <TableHead columns={[columns.when, columns.what, columns.who, columns.why, columns.state]} />
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className="border-b border-line align-top">
              <td className="py-2 pr-4 whitespace-nowrap text-soft">
                <time dateTime={row.created_at} title={utc(row.created_at)}>
                  {dateTime(row.created_at)}
                </time>
              </td>
              <td className="py-2 pr-4">
                {a.promote.moved(row.model, row.replaces)}
                {row.is_rollback && <span className="text-abstain"> ({a.promote.rolledBack})</span>}
              </td>
              <td className="py-2 pr-4">{row.promoted_by ?? a.promote.seed}</td>
              <td className="max-w-[32ch] py-2 pr-4 break-words">{row.reason}</td>
              <td className={`py-2 ${row.state === "failed" ? "text-reject" : ""}`}>
                {a.promote.states[row.state]}
                {row.error && <span className="block max-w-[32ch] break-words text-soft">{row.error}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
