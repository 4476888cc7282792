/** The account's ledger line by line: what changed the balance, the run behind it, the price it was sold at. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type Days, statementCsvPath, statementPage } from "../api/queries";
import { change, exact } from "../format/numbers";
import { t } from "../strings";
import { Chips } from "../ui/Chips";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { monthDays, PERIODS, type PeriodName } from "../usage/periods";
import { StatementTable } from "../usage/StatementTable";

export function StatementPage() {
  const search = useSearch({ strict: false }) as { period?: string };
  const navigate = useNavigate();
  const period: PeriodName = PERIODS.find((name) => name === search.period) ?? "month";
  const days = monthDays(period, new Date());
  const statement = useInfiniteQuery({
    queryKey: ["statement", days],
    queryFn: ({ pageParam }) => statementPage(days, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const first = statement.data?.pages[0];
  const lines = statement.data?.pages.flatMap((page) => page.results) ?? [];
  return (
    <PageFrame
      title={t.statement.title}
      hint={t.statement.hint}
      crumb={
        <Link to="/usage" className="underline decoration-line-strong underline-offset-4 hover:text-ink">
          {t.usage.title}
        </Link>
      }
      action={<CsvLink days={days} />}
    >
      <Chips
        label={t.statement.period}
        value={period}
        options={PERIODS.map((value) => ({ value, label: t.statement.periods[value] ?? value }))}
        onChange={(value) =>
          void navigate({ to: "/statement", search: { period: value } as never, replace: true })
        }
      />
      {statement.isPending && <Skeleton lines={8} />}
      {statement.isError && <ErrorNotice error={statement.error} onRetry={() => void statement.refetch()} />}
      {first && (
        <dl className="figures flex flex-wrap gap-x-13 gap-y-4 border-y border-line py-4">
          <Sum label={t.statement.opening} text={exact(first.opening_nano_usd)} />
          <Sum label={t.statement.changed} text={change(first.closing_nano_usd - first.opening_nano_usd)} />
          <Sum label={t.statement.closing} text={exact(first.closing_nano_usd)} />
        </dl>
      )}
      {statement.isSuccess && lines.length === 0 && <Empty>{t.statement.empty}</Empty>}
      {lines.length > 0 && (
        <StatementTable
          lines={lines}
          onMore={statement.hasNextPage ? () => void statement.fetchNextPage() : null}
          isLoadingMore={statement.isFetchingNextPage}
        />
      )}
    </PageFrame>
  );
}

function Sum({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <dt className="text-xs text-soft">{label}</dt>
      <dd className="font-serif text-xl">{text}</dd>
    </div>
  );
}

function CsvLink({ days }: { days: Days }) {
  return (
    <a
      href={statementCsvPath(days)}
      download
      className="inline-flex min-h-9 items-center rounded-md border border-line bg-raised px-3 text-sm font-medium hover:border-line-strong max-md:min-h-11"
    >
      {t.statement.csv}
    </a>
  );
}
