/** Billing: what there is and what was spent, in money first; topping up; the guards; the statement and the papers. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { queryClient } from "../api/queries";
import { Arrival } from "../billing/Arrival";
import { AutoTopUpPanel } from "../billing/AutoTopUpPanel";
import { billingQuery, payAsYouGoBegin, payAsYouGoEnd, paymentsQuery, portalOpen } from "../billing/api";
import { BannerNotice } from "../billing/BannerNotice";
import { leaveTo } from "../billing/leave";
import { PaymentsTable } from "../billing/PaymentsTable";
import { StatementSection } from "../billing/StatementSection";
import { b } from "../billing/strings";
import { TopUpPanel } from "../billing/TopUpPanel";
import type { Billing } from "../billing/types";
import { balance, money } from "../format/numbers";
import { Button } from "../ui/Button";
import { AlertLine, ErrorNotice, errorWords, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { Panel } from "../ui/Panel";
import { SpendCapPanel } from "../usage/SpendCapPanel";

const REFRESH_MS = 15_000; // an automatic top-up arrives without anybody's doing

export function BillingPage() {
  const search = useSearch({ strict: false }) as { payment?: string };
  const billing = useQuery({ ...billingQuery, refetchInterval: REFRESH_MS });
  return (
    <PageFrame
      title={b.title}
      hint={billing.data && b.price(money(billing.data.price_nano_usd_per_token * 1_000_000))}
    >
      {search.payment && <Arrival paymentId={search.payment} />}
      {billing.isPending && <Skeleton lines={8} />}
      {billing.isError && <ErrorNotice error={billing.error} onRetry={() => void billing.refetch()} />}
      {billing.data && (
        <>
          <BannerNotice billing={billing.data} />
          <MoneyLine billing={billing.data} />
          {billing.data.is_configured ? (
            <div className="grid grid-cols-2 items-start gap-4 max-lg:grid-cols-1">
              <div className="flex min-w-0 flex-col gap-4">
                <TopUpPanel billing={billing.data} />
                <SpendCapPanel />
              </div>
              <div className="flex min-w-0 flex-col gap-4">
                <AutoTopUpPanel billing={billing.data} />
                {billing.data.pay_as_you_go && <PayAsYouGoPanel billing={billing.data} />}
              </div>
              <PapersPanel billing={billing.data} />
            </div>
          ) : (
            <>
              <p className="text-soft">{b.notConfigured}</p>
              <SpendCapPanel />
            </>
          )}
          <StatementSection />
        </>
      )}
    </PageFrame>
  );
}

function MoneyLine({ billing }: { billing: Billing }) {
  const first = new Date();
  const since = `${first.toISOString().slice(0, 7)}-01`;
  return (
    <dl className="flex flex-wrap gap-x-13 gap-y-4 border-y border-line py-4">
      <div>
        <dt className="text-xs text-soft">{b.balance}</dt>
        <dd className="figures font-serif text-xl">{balance(billing.balance_nano_usd)}</dd>
        {billing.held_nano_usd > 0 && (
          <dd className="text-xs text-soft">{b.balanceNote(billing.held_nano_usd)}</dd>
        )}
        {billing.credit_limit_nano_usd > 0 && (
          <dd className="text-xs text-soft">{b.credit(billing.credit_limit_nano_usd)}</dd>
        )}
      </div>
      <div>
        <dt className="text-xs text-soft">{b.month}</dt>
        <dd className="figures font-serif text-xl">{money(billing.month_to_date_nano_usd)}</dd>
        <dd className="text-xs text-soft">{b.monthNote(since)}</dd>
      </div>
    </dl>
  );
}

function PapersPanel({ billing }: { billing: Billing }) {
  const payments = useQuery(paymentsQuery);
  const portal = useMutation({ mutationFn: portalOpen, onSuccess: ({ url }) => leaveTo(url) });
  return (
    <Panel
      title={b.papers.title}
      hint={b.papers.hint}
      className="col-span-full"
      tools={
        <Button disabled={portal.isPending} onClick={() => portal.mutate()}>
          {portal.isPending ? b.papers.opening : b.papers.open}
        </Button>
      }
    >
      {portal.isError && <AlertLine>{errorWords(portal.error)}</AlertLine>}
      <p>{billing.card ? b.papers.card(billing.card) : b.papers.noCard}</p>
      {payments.isError && <ErrorNotice error={payments.error} onRetry={() => void payments.refetch()} />}
      {payments.data && payments.data.length > 0 && <PaymentsTable payments={payments.data} />}
    </Panel>
  );
}

function PayAsYouGoPanel({ billing }: { billing: Billing }) {
  const again = { onSuccess: () => queryClient.invalidateQueries(billingQuery) };
  const begin = useMutation({ mutationFn: payAsYouGoBegin, ...again });
  const end = useMutation({ mutationFn: payAsYouGoEnd, ...again });
  const agreement = billing.pay_as_you_go;
  if (!agreement) return null;
  const failure = begin.error ?? end.error;
  const limit = agreement.credit_limit_nano_usd;
  return (
    <Panel title={b.payAsYouGo.title}>
      <p>{agreement.status === "ended" ? b.payAsYouGo.ended : b.payAsYouGo[agreement.status](limit)}</p>
      {failure && <AlertLine>{errorWords(failure)}</AlertLine>}
      {agreement.status === "invited" && (
        <Button
          look="accent"
          className="self-start"
          disabled={begin.isPending}
          onClick={() => begin.mutate()}
        >
          {b.payAsYouGo.begin}
        </Button>
      )}
      {agreement.status === "active" && (
        <Button className="self-start" disabled={end.isPending} onClick={() => end.mutate()}>
          {b.payAsYouGo.end}
        </Button>
      )}
    </Panel>
  );
}
