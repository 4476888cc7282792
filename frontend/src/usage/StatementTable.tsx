/** The lines of a statement: a table on a wide screen, short entries on a phone. */
import { Link } from "@tanstack/react-router";
import type { StatementLine } from "../api/types";
import { dateTime, utc } from "../format/dates";
import { change, count, exact, money } from "../format/numbers";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { TableHead } from "../ui/TableHead";

interface StatementTableProps {
  lines: StatementLine[];
  onMore: (() => void) | null;
  isLoadingMore: boolean;
}

export function StatementTable({ lines, onMore, isLoadingMore }: StatementTableProps) {
  const { columns } = t.statement;
  return (
    <>
      <table className="figures w-full text-right text-sm max-lg:block">
        <caption className="sr-only">{t.statement.title}</caption>
        <TableHead
          columns={[
            { label: columns.when, align: "left" },
            { label: columns.what, align: "left" },
            columns.tokens,
            { label: columns.price, align: "left" },
            columns.amount,
            columns.after,
          ]}
          foldsBelow="lg"
        />
        <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
          {lines.map((line) => (
            <Line key={line.transaction_id} line={line} />
          ))}
        </tbody>
      </table>
      {onMore && (
        <Button className="mt-2 self-start" disabled={isLoadingMore} onClick={onMore}>
          {t.statement.more}
        </Button>
      )}
    </>
  );
}

const CELL = "py-2.5 pr-4 align-top whitespace-nowrap max-lg:p-0";

function Line({ line }: { line: StatementLine }) {
  const tokens = (line.prompt_tokens ?? 0) + (line.completion_tokens ?? 0);
  return (
    <tr
      data-transaction={line.transaction_id}
      className="border-b border-line max-lg:grid max-lg:grid-cols-[minmax(0,1fr)_auto] max-lg:gap-x-4 max-lg:py-3"
    >
      <td className={`${CELL} text-left text-soft max-lg:order-3`}>
        <time dateTime={line.created_at} title={utc(line.created_at)}>
          {dateTime(line.created_at)}
        </time>
      </td>
      <td className="max-w-0 min-w-48 py-2.5 pr-4 text-left align-top lg:w-full max-lg:order-1 max-lg:max-w-full max-lg:p-0">
        <What line={line} />
      </td>
      <td className={`${CELL} max-lg:hidden`}>{line.run_id && count(tokens)}</td>
      <td className={`${CELL} text-left text-soft max-lg:order-5 max-lg:col-span-2 max-lg:whitespace-normal`}>
        {line.price_version !== null && line.price_nano_usd_per_token !== null && (
          <span
            title={
              line.price_effective_from ? t.statement.priceSince(utc(line.price_effective_from)) : undefined
            }
          >
            <span className="lg:hidden">{t.usage.tokenSum(tokens)}, </span>
            {t.statement.priceVersion(line.price_version, money(line.price_nano_usd_per_token * 1_000_000))}
          </span>
        )}
      </td>
      <td
        className={`${CELL} font-medium max-lg:order-2 ${line.amount_nano_usd > 0 ? "text-accept" : ""}`}
        data-nano-usd={line.amount_nano_usd}
      >
        {change(line.amount_nano_usd)}
      </td>
      <td
        className="py-2.5 align-top whitespace-nowrap text-soft max-lg:order-4 max-lg:p-0"
        data-nano-usd={line.balance_after_nano_usd}
      >
        {exact(line.balance_after_nano_usd)}
      </td>
    </tr>
  );
}

function What({ line }: { line: StatementLine }) {
  const kind = t.statement.kinds[line.kind] ?? line.kind;
  if (!line.run_id)
    return (
      <>
        {kind}
        {line.reason && <span className="block text-soft">{line.reason}</span>}
      </>
    );
  return (
    <>
      <Link
        to="/runs/$runId"
        params={{ runId: line.run_id }}
        title={line.question}
        className="block truncate font-serif text-base decoration-line-strong underline-offset-4 hover:underline"
      >
        {line.question || line.run_id}
      </Link>
      <span className="block truncate text-soft">
        {line.model}
        {line.api_key_name && `, ${t.statement.by(line.api_key_name)}`}
      </span>
      {line.branches.length > 0 && (
        <details className="text-soft">
          <summary>{t.statement.branches(line.branches.length)}</summary>
          <ul className="pl-4">
            {line.branches.map((branch) => (
              <li key={branch.branch_id}>
                {t.statement.branch(branch.branch_id, branch.num_tokens, branch.is_answer)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
