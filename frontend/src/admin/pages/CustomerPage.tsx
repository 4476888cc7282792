/** One customer: what they have, what this month brought, the credit they were given, and giving more. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { dateTime, utc } from "../../format/dates";
import { balance, count, money } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Dialog } from "../../ui/Dialog";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { type CustomerDetail, customerQuery } from "../money/api";
import { GrantForm } from "../money/GrantForm";
import { m } from "../money/strings";

export function CustomerPage() {
  const { accountId = "" } = useParams({ strict: false }) as { accountId?: string };
  const customer = useQuery(customerQuery(accountId));
  const [isGiving, setGiving] = useState(false);
  return (
    <AdminFrame
      title={customer.data?.name ?? m.customers.title}
      crumb={
        <Link
          to="/admin/customers"
          className="underline decoration-line-strong underline-offset-4 hover:text-ink"
        >
          {m.customers.title}
        </Link>
      }
      action={
        customer.data && (
          <Button look="accent" onClick={() => setGiving(true)}>
            {m.grant.action}
          </Button>
        )
      }
    >
      {customer.isPending && <Skeleton lines={6} />}
      {customer.isError && <ErrorNotice error={customer.error} onRetry={() => void customer.refetch()} />}
      {customer.data && <Facts customer={customer.data} />}
      {customer.data && (
        <Dialog title={m.grant.title(customer.data.name)} isOpen={isGiving} onClose={() => setGiving(false)}>
          <GrantForm accountId={accountId} name={customer.data.name} onClose={() => setGiving(false)} />
        </Dialog>
      )}
    </AdminFrame>
  );
}

function Facts({ customer }: { customer: CustomerDetail }) {
  const { columns } = m.customers;
  const cap = customer.monthly_cap_nano_usd;
  const facts = [
    [columns.balance, balance(customer.balance_nano_usd)],
    [columns.spend, money(customer.spend_month_nano_usd)],
    [columns.margin, money(customer.margin_month_nano_usd)],
    [columns.tokens, count(customer.tokens_month)],
    [m.customers.cap, cap === null ? m.customers.noCap : money(cap)],
  ];
  return (
    <>
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-soft">
        <span>{customer.is_local ? m.customers.local : customer.emails.join(", ")}</span>
        <span>{m.customers.keys(customer.num_live_keys)}</span>
        <span className="font-mono text-xs">{customer.id}</span>
        <CopyButton look="quiet" text={customer.id} />
        <Link
          to="/admin/audit"
          search={{ q: customer.id } as never}
          className="underline decoration-line-strong underline-offset-4 hover:text-ink"
        >
          {m.customers.audit}
        </Link>
      </p>
      <dl className="figures flex flex-wrap gap-x-13 gap-y-4 border-y border-line py-4">
        {facts.map(([label, text]) => (
          <div key={label}>
            <dt className="text-xs text-soft">{label}</dt>
            <dd className="font-serif text-xl">{text}</dd>
          </div>
        ))}
      </dl>
      <section className="flex flex-col gap-2">
        <h2 className="text-sm font-semibold">{m.customers.grants}</h2>
        {customer.grants.length === 0 && <p className="text-soft">{m.customers.grantsEmpty}</p>}
        <ul className="flex flex-col">
          {customer.grants.map((grant) => (
            <li key={grant.created_at} className="flex flex-wrap gap-x-4 border-b border-line py-2.5 text-sm">
              <time dateTime={grant.created_at} title={utc(grant.created_at)} className="text-soft">
                {dateTime(grant.created_at)}
              </time>
              <span className="figures font-medium">{money(grant.amount_nano_usd)}</span>
              <span className="min-w-0 flex-1 basis-64 break-words">{grant.reason}</span>
              <span className="text-soft">{grant.actor}</span>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}
