/** The queue and what became of it: newest first, filters in the address. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../../ui/Button";
import { Chips } from "../../ui/Chips";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { JOBS_REFRESH_MS, jobsPage, specSchemaQuery } from "../api";
import { useFleet } from "../fleet_live";
import { JobTable } from "../jobs/JobTable";
import { isStateFilter, STATE_FILTERS, type StateFilter } from "../jobs/job_words";
import { kindsOf } from "../launch/launch_state";
import { BUTTON_LINK } from "../links";
import { a } from "../strings";
import { useEmptyTold } from "../use_empty_told";

export function JobsPage() {
  const [isEmpty, setEmpty] = useState(true);
  return (
    <AdminFrame
      title={a.jobs.title}
      hint={a.jobs.hint}
      action={
        !isEmpty && (
          <Link to="/admin/jobs/new" className={BUTTON_LINK}>
            {a.jobs.launch}
          </Link>
        )
      }
    >
      <JobList onEmpty={setEmpty} />
    </AdminFrame>
  );
}

function JobList({ onEmpty }: { onEmpty: (isEmpty: boolean) => void }) {
  useFleet();
  const search = useSearch({ strict: false }) as { state?: string; kind?: string };
  const navigate = useNavigate();
  const state: StateFilter = isStateFilter(search.state) ? search.state : "all";
  const schema = useQuery(specSchemaQuery);
  const kinds = ["all", ...(schema.data ? kindsOf(schema.data) : [])];
  const kind = search.kind ?? "all";
  const filter = (next: { state: StateFilter; kind: string }) =>
    void navigate({
      to: "/admin/jobs",
      search: {
        ...(next.state === "all" ? {} : { state: next.state }),
        ...(next.kind === "all" ? {} : { kind: next.kind }),
      } as never,
      replace: true,
    });
  const pages = useInfiniteQuery({
    queryKey: ["jobs", "list", state, kind],
    queryFn: ({ pageParam }) => jobsPage(STATE_FILTERS[state], kind === "all" ? "" : kind, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: JOBS_REFRESH_MS,
    placeholderData: (previous) => previous,
  });
  const rows = pages.data?.pages.flatMap((page) => page.results) ?? [];
  const isFiltered = state !== "all" || kind !== "all";
  useEmptyTold(pages.data && (isFiltered ? [isFiltered] : rows), onEmpty);
  return (
    <>
      {(rows.length > 0 || isFiltered) && (
        <div className="flex flex-wrap gap-x-6 gap-y-3">
          <Chips
            label={a.jobs.filterState}
            value={state}
            options={(Object.keys(STATE_FILTERS) as StateFilter[]).map((value) => ({
              value,
              label: a.jobs.states[value],
            }))}
            onChange={(next) => filter({ state: next, kind })}
          />
          <Chips
            label={a.jobs.filterKind}
            value={kind}
            options={kinds.map((value) => ({ value, label: a.jobs.kinds[value] ?? value }))}
            onChange={(next) => filter({ state, kind: next })}
          />
        </div>
      )}
      {pages.isPending && <Skeleton lines={8} />}
      {pages.isError && <ErrorNotice error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isSuccess && rows.length === 0 && !isFiltered && (
        <Empty
          action={
            <Link to="/admin/jobs/new" className={BUTTON_LINK}>
              {a.jobs.launch}
            </Link>
          }
        >
          {a.jobs.empty}
        </Empty>
      )}
      {pages.isSuccess && rows.length === 0 && isFiltered && (
        <Empty
          action={<Button onClick={() => filter({ state: "all", kind: "all" })}>{a.jobs.showAll}</Button>}
        >
          {a.jobs.emptyFiltered}
        </Empty>
      )}
      {rows.length > 0 && <JobTable jobs={rows} />}
      {pages.hasNextPage && (
        <Button
          className="self-start"
          disabled={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {a.jobs.more}
        </Button>
      )}
    </>
  );
}
