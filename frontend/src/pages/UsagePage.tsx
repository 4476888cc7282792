import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { keysQuery, meQuery, type UsageFilter, usageRunsPage, usageSummaryQuery } from "../api/queries";
import type { UsageSummary } from "../api/types";
import { utcDay } from "../format/dates";
import { balance, money } from "../format/numbers";
import { t } from "../strings";
import { Chips } from "../ui/Chips";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { Select } from "../ui/Select";
import { DayChart } from "../usage/DayChart";
import { daysFilled } from "../usage/days";
import { RunTable } from "../usage/RunTable";
import { SpendCapPanel } from "../usage/SpendCapPanel";

const RANGES = [7, 30, 90] as const;
const DAY_MS = 86_400_000;

export function UsagePage() {
  const search = useSearch({ strict: false }) as { days?: number; key?: string; model?: string };
  const navigate = useNavigate();
  const days = RANGES.find((range) => range === Number(search.days)) ?? 30;
  const to = utcDay(new Date());
  const from = utcDay(new Date(Date.now() - (days - 1) * DAY_MS));
  const only = { key: search.key ?? "", model: search.model ?? "" };
  const go = (changes: { days?: number; key?: string; model?: string }) => {
    const next = { days, ...only, ...changes };
    const kept = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== ""));
    void navigate({ to: "/usage", search: kept as never, replace: true });
  };
  const summary = useQuery({ ...usageSummaryQuery(from, to, only), placeholderData: (previous) => previous });
  const { data: me } = useQuery(meQuery);
  const runs = useInfiniteQuery({
    queryKey: ["usage", "runs", only],
    queryFn: ({ pageParam }) => usageRunsPage(pageParam, only),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = runs.data?.pages.flatMap((page) => page.results) ?? [];
  const isFiltered = only.key !== "" || only.model !== "";
  const isEmpty = runs.isSuccess && rows.length === 0 && !isFiltered;
  return (
    <PageFrame
      title={t.usage.title}
      hint={me && t.usage.price(money(me.price_nano_usd_per_token * 1_000_000))}
      action={
        <Link
          to="/statement"
          className="inline-flex min-h-9 items-center rounded-md border border-line bg-raised px-3 text-sm font-medium hover:border-line-strong max-md:min-h-11"
        >
          {t.usage.statement}
        </Link>
      }
    >
      {summary.isPending && <Skeleton />}
      {summary.isError && <ErrorNotice error={summary.error} onRetry={() => void summary.refetch()} />}
      {summary.data && <Money summary={summary.data} />}
      <SpendCapPanel />
      {summary.data && !isEmpty && (
        <section aria-label={t.usage.chart} className="flex flex-col gap-3">
          <div className="flex flex-wrap items-center justify-between gap-3">
            <h2 className="text-sm font-semibold">{t.usage.chart}</h2>
            <Chips
              label={t.usage.rangeLabel}
              value={days}
              options={RANGES.map((range) => ({ value: range, label: t.usage.days(range) }))}
              onChange={(range) => go({ days: range })}
            />
          </div>
          <Filters only={only} models={summary.data.models} onChange={go} />
          <DayChart
            days={daysFilled(summary.data.days, from, to)}
            priceNanoUsd={me?.price_nano_usd_per_token ?? 0}
          />
        </section>
      )}
      <section aria-label={t.usage.runs} className="flex flex-col gap-2">
        {!isEmpty && <h2 className="text-sm font-semibold">{t.usage.runs}</h2>}
        {runs.isPending && <Skeleton lines={6} />}
        {runs.isError && <ErrorNotice error={runs.error} onRetry={() => void runs.refetch()} />}
        {isEmpty && (
          <Empty
            action={
              <Link to="/" className="underline decoration-line-strong underline-offset-4">
                {t.usage.emptyAction}
              </Link>
            }
          >
            {t.usage.empty}
          </Empty>
        )}
        {runs.isSuccess && isFiltered && rows.length === 0 && (
          <p className="py-4 text-soft">{t.usage.emptyFiltered}</p>
        )}
        {rows.length > 0 && (
          <RunTable
            rows={rows}
            onMore={runs.hasNextPage ? () => void runs.fetchNextPage() : null}
            isLoadingMore={runs.isFetchingNextPage}
          />
        )}
      </section>
    </PageFrame>
  );
}

interface FiltersProps {
  only: UsageFilter;
  models: string[];
  onChange: (changes: Partial<UsageFilter>) => void;
}

function Filters({ only, models, onChange }: FiltersProps) {
  const keys = useQuery(keysQuery);
  const byName = (keys.data ?? []).map((key) => ({ value: key.id, label: `${key.name} (…${key.last4})` }));
  return (
    <div className="grid max-w-[560px] grid-cols-2 gap-4 max-sm:grid-cols-1">
      <Select
        label={t.usage.filterKey}
        value={only.key}
        onChange={(event) => onChange({ key: event.target.value })}
        options={[
          { value: "", label: t.usage.allKeys },
          { value: "page", label: t.usage.askedOnPage },
          ...byName,
        ]}
      />
      <Select
        label={t.usage.filterModel}
        value={only.model}
        onChange={(event) => onChange({ model: event.target.value })}
        options={[
          { value: "", label: t.usage.allModels },
          ...models.map((model) => ({ value: model, label: model })),
        ]}
      />
    </div>
  );
}

function Money({ summary }: { summary: UsageSummary }) {
  return (
    <dl className="flex flex-wrap gap-x-13 gap-y-4 border-y border-line py-4">
      <div>
        <dt className="text-xs text-soft">{t.usage.balance}</dt>
        <dd className="figures font-serif text-xl">{balance(summary.balance_nano_usd)}</dd>
      </div>
      <div>
        <dt className="text-xs text-soft">{t.usage.month}</dt>
        <dd className="figures font-serif text-xl">{money(summary.month_to_date_nano_usd)}</dd>
      </div>
    </dl>
  );
}
