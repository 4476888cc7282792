import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { conversationDelete, historyPage, queryClient } from "../api/queries";
import type { ConversationRow } from "../api/types";
import { dayName, timeOfDay, utc } from "../format/dates";
import { money } from "../format/numbers";
import { t } from "../strings";
import { verdictWords } from "../trace/VerdictChip";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Empty, ErrorNotice, errorWords, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";

export function HistoryPage() {
  const [search, setSearch] = useState("");
  const [removing, setRemoving] = useState<ConversationRow | null>(null);
  const pages = useInfiniteQuery({
    queryKey: ["history"],
    queryFn: ({ pageParam }) => historyPage(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = pages.data?.pages.flatMap((page) => page.results) ?? [];
  const found = rows.filter((row) => matches(row, search));
  return (
    <PageFrame title={t.history.title}>
      {rows.length > 0 && (
        <div className="flex flex-col gap-1">
          <input
            type="search"
            aria-label={t.history.search}
            placeholder={t.history.search}
            data-hotkey-focus
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="min-h-11 max-w-[420px] rounded-md border border-line-strong bg-raised px-3"
          />
          {search && pages.hasNextPage && (
            <p className="text-sm text-soft">{t.history.searchNote(rows.length)}</p>
          )}
        </div>
      )}
      {pages.isPending && <Skeleton lines={6} />}
      {pages.isError && <ErrorNotice error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isSuccess && rows.length === 0 && (
        <Empty
          action={
            <Link to="/" className={LINK}>
              {t.history.emptyAction}
            </Link>
          }
        >
          {t.history.empty}
        </Empty>
      )}
      {rows.length > 0 && found.length === 0 && <p className="text-soft">{t.history.noMatch(search)}</p>}
      {byDay(found).map(([day, dayRows]) => (
        <section key={day} aria-label={day}>
          <h2 className="mb-1 text-sm font-semibold text-soft">{day}</h2>
          <ul className="border-t border-line">
            {dayRows.map((row) => (
              <Row key={row.id} row={row} onRemove={() => setRemoving(row)} />
            ))}
          </ul>
        </section>
      ))}
      {pages.hasNextPage && (
        <Button
          className="self-start"
          disabled={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {t.history.more}
        </Button>
      )}
      <RemoveDialog row={removing} onClose={() => setRemoving(null)} />
    </PageFrame>
  );
}

const LINK = "underline decoration-line-strong underline-offset-4 hover:text-ink";

function matches(row: ConversationRow, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  return !wanted || `${row.title} ${row.last_run?.answer ?? ""}`.toLowerCase().includes(wanted);
}

function byDay(rows: ConversationRow[]): [string, ConversationRow[]][] {
  const days = new Map<string, ConversationRow[]>();
  for (const row of rows) {
    const day = dayName(row.created_at);
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return [...days];
}

function Row({ row, onRemove }: { row: ConversationRow; onRemove: () => void }) {
  const run = row.last_run;
  return (
    <li className="group relative flex items-baseline gap-6 border-b border-line py-3.5 max-sm:gap-3">
      <div className="min-w-0 flex-1">
        <Link
          to="/c/$conversationId"
          params={{ conversationId: row.id }}
          className="font-serif text-md decoration-line-strong underline-offset-4 group-hover:underline before:absolute before:inset-0"
        >
          {row.title}
        </Link>
        <p className="truncate text-sm text-soft">{run ? outcomeWords(run) : t.history.noAnswer}</p>
      </div>
      <span className="figures text-sm whitespace-nowrap text-soft max-sm:hidden">
        {run ? money(run.cost_nano_usd) : ""}
      </span>
      <time
        dateTime={row.created_at}
        title={utc(row.created_at)}
        className="figures w-12 text-right text-sm whitespace-nowrap text-soft"
      >
        {timeOfDay(row.created_at)}
      </time>
      <Button
        look="quiet"
        className="relative -my-2 -mr-3"
        onClick={onRemove}
        aria-label={`${t.history.remove}: ${row.title}`}
      >
        {t.history.remove}
      </Button>
    </li>
  );
}

function outcomeWords(run: NonNullable<ConversationRow["last_run"]>): string {
  if (run.status === "failed") return t.history.failed;
  if (run.status === "queued" || run.status === "running") return t.history.running;
  const verdict = run.verdict ? ` · ${verdictWords(run.verdict, run.score)}` : "";
  return `${run.answer || t.history.noAnswer}${verdict}`;
}

function RemoveDialog({ row, onClose }: { row: ConversationRow | null; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: conversationDelete,
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["history"] });
      onClose();
    },
  });
  return (
    <Dialog title={t.history.removeTitle} isOpen={row !== null} onClose={onClose}>
      <h2 className="font-serif text-lg font-medium">{t.history.removeTitle}</h2>
      <p className="mt-2 truncate">{row?.title}</p>
      <p className="mt-1 text-soft">{t.history.removeHint}</p>
      {remove.isError && (
        <p role="alert" className="mt-2 text-sm text-reject">
          {errorWords(remove.error)}
        </p>
      )}
      <div className="mt-6 flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => row && remove.mutate(row.id)}>
          {t.history.remove}
        </Button>
      </div>
    </Dialog>
  );
}
