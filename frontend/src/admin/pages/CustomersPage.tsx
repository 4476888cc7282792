/** Who pays: balance, what this month brought, and giving credit. The search is in the address. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { balance, count, money } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { TableHead } from "../../ui/TableHead";
import { useSettled } from "../../ui/use_settled";
import { AdminFrame } from "../AdminFrame";
import { type Customer, type CustomerList, customersQuery } from "../money/api";
import { m } from "../money/strings";

const SETTLE_MS = 250; // after the last key

export function CustomersPage() {
  return (
    <AdminFrame title={m.customers.title} hint={m.customers.hint}>
      <Customers />
    </AdminFrame>
  );
}

function Customers() {
  const search = useSearch({ strict: false }) as { q?: string; page?: number };
  const navigate = useNavigate();
  const [text, setText] = useState(search.q ?? "");
  const settled = useSettled(text, SETTLE_MS);
  const page = Math.max(1, Number(search.page) || 1);
  const customers = useQuery(customersQuery(search.q ?? "", page));
  const go = (q: string, next: number) => {
    const kept = { ...(q ? { q } : {}), ...(next > 1 ? { page: next } : {}) };
    void navigate({ to: "/admin/customers", search: kept as never, replace: true });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address follows what was typed, once it rests
  useEffect(() => {
    if (settled.trim() !== (search.q ?? "")) go(settled.trim(), 1);
  }, [settled]);
  return (
    <>
      {customers.data && <Month month={customers.data.month} />}
      <div className="max-w-[420px]">
        <Field
          label={m.customers.search}
          type="search"
          data-hotkey-focus
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      {customers.isPending && <Skeleton lines={6} />}
      {customers.isError && <ErrorNotice error={customers.error} onRetry={() => void customers.refetch()} />}
      {customers.data?.results.length === 0 && <p className="text-soft">{m.customers.empty}</p>}
      {customers.data && customers.data.results.length > 0 && <CustomerTable rows={customers.data.results} />}
      {customers.data && (page > 1 || customers.data.has_more) && (
        <div className="flex items-center gap-4">
          <Button disabled={page === 1} onClick={() => go(search.q ?? "", page - 1)}>
            {m.customers.previous}
          </Button>
          <span className="figures text-sm text-soft">{m.customers.page(page)}</span>
          <Button disabled={!customers.data.has_more} onClick={() => go(search.q ?? "", page + 1)}>
            {m.customers.next}
          </Button>
        </div>
      )}
    </>
  );
}

function Month({ month }: { month: CustomerList["month"] }) {
  const facts = [
    [m.customers.spend, money(month.spend_nano_usd)],
    [m.customers.fleet, money(month.fleet_cost_nano_usd)],
    [m.customers.margin, money(month.spend_nano_usd - month.fleet_cost_nano_usd)],
    [m.customers.tokens, count(month.tokens)],
  ];
  return (
    <section aria-label={m.customers.month} className="flex flex-col gap-2 border-y border-line py-4">
      <dl className="figures flex flex-wrap gap-x-13 gap-y-4">
        {facts.map(([label, text]) => (
          <div key={label}>
            <dt className="text-xs text-soft">{label}</dt>
            <dd className="font-serif text-xl">{text}</dd>
          </div>
        ))}
      </dl>
      <p className="text-sm text-soft">{m.customers.marginNote}</p>
    </section>
  );
}

function CustomerTable({ rows }: { rows: Customer[] }) {
  const { columns } = m.customers;
  return (
    <table className="figures w-full text-right text-sm max-md:block">
      <caption className="sr-only">{m.customers.title}</caption>
      <TableHead
        columns={[
          { label: columns.name, align: "left" },
          columns.balance,
          columns.spend,
          columns.tokens,
          columns.margin,
        ]}
        foldsBelow="md"
      />
      <tbody className="max-md:block max-md:border-t max-md:border-line">
        {rows.map((row) => (
          <tr
            key={row.id}
            className="border-b border-line max-md:grid max-md:grid-cols-2 max-md:gap-x-4 max-md:gap-y-1 max-md:py-3 max-md:text-left"
          >
            <td className="max-w-0 min-w-40 py-2.5 pr-4 text-left md:w-full max-md:col-span-2 max-md:max-w-full max-md:p-0">
              <Link
                to="/admin/customers/$accountId"
                params={{ accountId: row.id }}
                className="block truncate font-medium decoration-line-strong underline-offset-4 hover:underline"
              >
                {row.name}
              </Link>
              <span className="block truncate text-soft">
                {row.is_local
                  ? m.customers.local
                  : row.emails.filter((email) => email !== row.name).join(", ")}
              </span>
            </td>
            <Figure label={columns.balance} text={balance(row.balance_nano_usd)} />
            <Figure label={columns.spend} text={money(row.spend_month_nano_usd)} />
            <Figure label={columns.tokens} text={count(row.tokens_month)} />
            <Figure
              label={columns.margin}
              text={money(row.margin_month_nano_usd)}
              look={row.margin_month_nano_usd < 0 ? "text-reject" : ""}
            />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Figure({ label, text, look = "" }: { label: string; text: string; look?: string }) {
  return (
    <td className={`py-2.5 pr-4 align-top whitespace-nowrap last:pr-0 max-md:p-0 ${look}`}>
      <span className="block text-xs text-soft md:hidden">{label}</span>
      {text}
    </td>
  );
}
