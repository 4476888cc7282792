/** Every run with its tokens by kind and its cost; the question leads to the run and its reasoning. */
import { Link } from "@tanstack/react-router";
import type { UsageRun } from "../api/types";
import { dateTime, utc } from "../format/dates";
import { count, money } from "../format/numbers";
import { t } from "../strings";
import { usageKinds } from "../trace/trace_views";
import { Button } from "../ui/Button";
import { TableHead } from "../ui/TableHead";

interface RunTableProps {
  rows: UsageRun[];
  onMore: (() => void) | null;
  isLoadingMore: boolean;
}

export function RunTable({ rows, onMore, isLoadingMore }: RunTableProps) {
  const { columns, kinds } = t.usage;
  return (
    <>
      <table className="figures w-full text-right text-sm max-lg:block">
        <caption className="sr-only">{t.usage.runs}</caption>
        <TableHead
          columns={[
            { label: columns.when, align: "left" },
            { label: columns.question, align: "left" },
            { label: columns.key, align: "left" },
            kinds.prompt,
            kinds.toolResults,
            kinds.reasoning,
            kinds.answer,
            columns.cost,
          ]}
          foldsBelow="lg"
        />
        <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
          {rows.map((row) => (
            <Row key={row.run_id} row={row} />
          ))}
        </tbody>
      </table>
      {onMore && (
        <Button className="mt-2 self-start" disabled={isLoadingMore} onClick={onMore}>
          {t.usage.more}
        </Button>
      )}
    </>
  );
}

const CELL = "py-2.5 whitespace-nowrap max-lg:hidden";

function Row({ row }: { row: UsageRun }) {
  const kinds = usageKinds(row);
  const cost = row.is_billable ? money(row.cost_nano_usd) : t.usage.free;
  return (
    <tr className="border-b border-line max-lg:flex max-lg:flex-col max-lg:py-3 max-lg:text-left">
      <td className="py-2.5 pr-4 text-left whitespace-nowrap text-soft max-lg:order-2 max-lg:py-0">
        <time dateTime={row.created_at} title={utc(row.created_at)}>
          {dateTime(row.created_at)}
        </time>
        <span className="lg:hidden">
          , {t.usage.tokenSum(kinds.total)}, {cost}
        </span>
      </td>
      <td className="max-w-0 min-w-48 py-2.5 pr-4 text-left lg:w-full max-lg:max-w-full max-lg:py-0">
        <Link
          to="/runs/$runId"
          params={{ runId: row.run_id }}
          title={row.question}
          className="block truncate font-serif text-base decoration-line-strong underline-offset-4 hover:underline"
        >
          {row.question}
        </Link>
      </td>
      <td className={`${CELL} max-w-40 pr-4 truncate text-left text-soft`}>
        {row.api_key_name ?? t.usage.page}
      </td>
      <td className={`${CELL} pr-4`}>{count(kinds.prompt)}</td>
      <td className={`${CELL} pr-4`}>{count(kinds.toolResults)}</td>
      <td className={`${CELL} pr-4`}>{count(kinds.reasoning)}</td>
      <td className={`${CELL} pr-4`}>{count(kinds.answer)}</td>
      <td className={`${CELL} ${row.is_billable ? "" : "text-soft"}`}>{cost}</td>
    </tr>
  );
}
