/** Each part of Svend: whether it works, and what to do where it does not. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { request } from "../../api/client";
import { utc } from "../../format/dates";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { words } from "../status/strings";
import { type Status, type StatusLine, titleOf, verdictOf } from "../status/verdict";

const REFRESH_MS = 5_000;
const MARKS = { ok: "✓", late: "!", failing: "✕", off: "–" };
const LOOKS = { ok: "text-accept", late: "text-abstain", failing: "text-reject", off: "text-soft" };
const EDGES = {
  ok: "border-line",
  late: "border-line-strong",
  failing: "border-reject",
  off: "border-line border-dashed",
};

const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: () => request<Status>("GET", "/api/console/status"),
  refetchInterval: REFRESH_MS,
});

export function StatusPage() {
  return (
    <AdminFrame title={words.title} hint={words.hint}>
      <LiveStatus />
    </AdminFrame>
  );
}

function LiveStatus() {
  const status = useQuery(statusQuery);
  return (
    <>
      {status.data && <Verdict status={status.data} isStale={status.isError} />}
      {status.isPending && <Skeleton lines={8} />}
      {status.isError && <ErrorNotice error={status.error} onRetry={() => void status.refetch()} />}
      <ul className="grid grid-cols-2 gap-4 max-lg:grid-cols-1">
        {status.data?.lines.map((line) => (
          <Part key={line.name} line={line} />
        ))}
      </ul>
    </>
  );
}

function Verdict({ status, isStale }: { status: Status; isStale: boolean }) {
  const verdict = verdictOf(status.lines);
  const at = utc(status.asked_at);
  return (
    <div className="border-y border-line py-4">
      <p role="status" className={`font-serif text-lg ${verdict.isBad ? "text-reject" : ""}`}>
        {verdict.text}
      </p>
      <p className="figures text-sm text-soft">{isStale ? words.stale(at) : words.askedAt(at)}</p>
    </div>
  );
}

function Part({ line }: { line: StatusLine }) {
  return (
    <li
      data-part={line.name}
      data-state={line.state}
      className={`flex min-w-0 flex-col gap-2 rounded-lg border bg-raised p-4 shadow-panel ${EDGES[line.state]}`}
    >
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 className="font-serif text-lg">{titleOf(line)}</h2>
        <p className={`text-sm font-medium ${LOOKS[line.state]}`}>
          <span aria-hidden="true">{MARKS[line.state]} </span>
          {words.states[line.state]}
        </p>
      </div>
      <p className="text-sm text-soft">{words.parts[line.name]?.says}</p>
      <p className="figures mt-auto flex flex-wrap justify-between gap-x-5 pt-1 text-sm break-words">
        <span>{line.said}</span>
        <span className="text-soft">{words.took(line.wall_ms)}</span>
      </p>
      {line.cure && (
        <p className="border-l-2 border-line-strong py-1 pl-3 text-sm break-words">{line.cure}</p>
      )}
    </li>
  );
}
