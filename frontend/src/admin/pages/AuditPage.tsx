/** The audit log: filtered, page by page, and as CSV. Filters are in the address. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { dateTime, utc } from "../../format/dates";
import { Button } from "../../ui/Button";
import { Chips } from "../../ui/Chips";
import { Field } from "../../ui/Field";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { TableHead } from "../../ui/TableHead";
import { useSettled } from "../../ui/use_settled";
import { AdminFrame } from "../AdminFrame";
import { type AuditEntry, type AuditFilter, auditCsvPath, auditPage } from "../money/api";
import { changesOf } from "../money/audit_words";
import { m } from "../money/strings";

const SETTLE_MS = 250; // after the last key

export function AuditPage() {
  const search = useSearch({ strict: false }) as Partial<AuditFilter>;
  const only = {
    area: search.area ?? "",
    q: String(search.q ?? ""),
    first_day: search.first_day ?? "",
    last_day: search.last_day ?? "",
  };
  return (
    <AdminFrame
      title={m.audit.title}
      hint={m.audit.hint}
      action={
        <a
          href={auditCsvPath(only)}
          download
          className="inline-flex min-h-9 items-center rounded-md border border-line bg-raised px-3 text-sm font-medium hover:border-line-strong max-md:min-h-11"
        >
          {m.audit.csv}
        </a>
      }
    >
      <Filters only={only} />
      <Entries only={only} />
    </AdminFrame>
  );
}

function Filters({ only }: { only: AuditFilter }) {
  const navigate = useNavigate();
  const [text, setText] = useState(only.q);
  const settled = useSettled(text, SETTLE_MS);
  const go = (changes: Partial<AuditFilter>) => {
    const kept = Object.entries({ ...only, ...changes }).filter(([, value]) => value !== "");
    void navigate({ to: "/admin/audit", search: Object.fromEntries(kept) as never, replace: true });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address follows what was typed, once it rests
  useEffect(() => {
    if (settled.trim() !== only.q) go({ q: settled.trim() });
  }, [settled]);
  return (
    <div className="flex flex-col gap-4">
      <Chips
        label={m.audit.area}
        value={only.area}
        options={Object.entries(m.audit.areas).map(([value, label]) => ({ value, label }))}
        onChange={(area) => go({ area })}
      />
      <div className="grid max-w-[760px] grid-cols-[2fr_1fr_1fr] gap-4 max-md:grid-cols-2">
        <div className="max-md:col-span-2">
          <Field
            label={m.audit.search}
            type="search"
            data-hotkey-focus
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <Field
          label={m.audit.from}
          type="date"
          value={only.first_day}
          onChange={(event) => go({ first_day: event.target.value })}
        />
        <Field
          label={m.audit.to}
          type="date"
          value={only.last_day}
          onChange={(event) => go({ last_day: event.target.value })}
        />
      </div>
    </div>
  );
}

function Entries({ only }: { only: AuditFilter }) {
  const log = useInfiniteQuery({
    queryKey: ["audit", only],
    queryFn: ({ pageParam }) => auditPage(only, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = log.data?.pages.flatMap((page) => page.results) ?? [];
  const isFiltered = Object.values(only).some((value) => value !== "");
  return (
    <>
      {log.isPending && <Skeleton lines={8} />}
      {log.isError && <ErrorNotice error={log.error} onRetry={() => void log.refetch()} />}
      {log.isSuccess && rows.length === 0 && (
        <Empty>{isFiltered ? m.audit.emptyFiltered : m.audit.empty}</Empty>
      )}
      {rows.length > 0 && <EntryTable rows={rows} />}
      {log.hasNextPage && (
        <Button
          className="self-start"
          disabled={log.isFetchingNextPage}
          onClick={() => void log.fetchNextPage()}
        >
          {m.audit.more}
        </Button>
      )}
    </>
  );
}

function EntryTable({ rows }: { rows: AuditEntry[] }) {
  const { columns } = m.audit;
  return (
    <section aria-label={m.audit.title} tabIndex={0} className="scrolls">
      <table className="figures w-full min-w-[760px] table-fixed text-left text-sm">
        <TableHead
          columns={[
            { label: columns.when, width: "w-[13%]" },
            { label: columns.who, width: "w-[19%]" },
            { label: columns.what, width: "w-[24%]" },
            { label: columns.change, width: "w-[24%]" },
            { label: columns.why, width: "w-[20%]" },
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className="border-b border-line align-top">
              <td className="py-2.5 pr-4 text-soft">
                <time dateTime={row.created_at} title={utc(row.created_at)}>
                  {dateTime(row.created_at)}
                </time>
              </td>
              <td className="py-2.5 pr-4 break-words">{row.actor}</td>
              <td className="py-2.5 pr-4 break-words">
                <span className="font-medium">{row.action}</span>
                <span className="block text-soft">{row.target}</span>
              </td>
              <td className="py-2.5 pr-4 break-words">
                <ul>
                  {changesOf(row).map((change) => (
                    <li key={change.name}>
                      <span className="text-soft">{change.name}: </span>
                      {change.before !== null && <>{change.before} → </>}
                      {change.after ?? m.audit.nothing}
                    </li>
                  ))}
                </ul>
              </td>
              <td className="py-2.5 break-words">
                {row.reason}
                {row.request_id && (
                  <span className="block font-mono text-xs break-all text-soft">
                    {m.audit.request(row.request_id)}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
