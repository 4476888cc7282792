/** The newest lines of this month's statement, with the way to the whole of it and to the CSV. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { statementCsvPath, statementPage } from "../api/queries";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { monthDays } from "../usage/periods";
import { StatementTable } from "../usage/StatementTable";
import { b } from "./strings";

const LINES_SHOWN = 12;
const WAY =
  "inline-flex min-h-9 items-center rounded-md border border-line bg-raised px-3 text-sm font-medium hover:border-line-strong max-md:min-h-11";

export function StatementSection() {
  const days = monthDays("month", new Date());
  const statement = useQuery({
    queryKey: ["statement", "newest", days],
    queryFn: () => statementPage(days, null),
  });
  const lines = statement.data?.results ?? [];
  return (
    <section aria-labelledby="statement" className="flex flex-col gap-3">
      <header className="flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
        <div>
          <h2 id="statement" className="font-semibold">
            {b.statement.title}
          </h2>
          <p className="max-w-[70ch] text-sm text-soft">{b.statement.hint}</p>
        </div>
        {lines.length > 0 && (
          <div className="flex gap-2">
            <Link to="/statement" className={WAY}>
              {b.statement.whole}
            </Link>
            <a href={statementCsvPath(days)} download className={WAY}>
              {b.statement.csv}
            </a>
          </div>
        )}
      </header>
      {statement.isPending && <Skeleton lines={6} />}
      {statement.isError && <ErrorNotice error={statement.error} onRetry={() => void statement.refetch()} />}
      {statement.isSuccess && lines.length === 0 && <Empty>{b.statement.empty}</Empty>}
      {lines.length > 0 && (
        <StatementTable lines={lines.slice(0, LINES_SHOWN)} onMore={null} isLoadingMore={false} />
      )}
    </section>
  );
}
