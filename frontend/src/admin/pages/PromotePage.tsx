/** Promotion: the gates with their reasons, a person's reason, the way back in one click, and who did what before. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { queryClient, USUAL_ALIAS } from "../../api/queries";
import { Button } from "../../ui/Button";
import { AlertLine, ErrorNotice, errorWords, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { AdminFrame } from "../AdminFrame";
import { aliasesQuery, gatesQuery, promote, promotionsQuery, rollback, versionsQuery } from "../api";
import type { AliasRow, Gates } from "../api_types";
import { TEXT_LINK } from "../links";
import { GateList } from "../models/GateList";
import { HistoryTable } from "../models/HistoryTable";
import { a } from "../strings";

export function PromotePage() {
  return (
    <AdminFrame
      title={a.promote.title}
      hint={a.promote.hint}
      crumb={
        <Link to="/admin/models" className="hover:text-ink">
          {a.models.title}
        </Link>
      }
    >
      <Promotion />
    </AdminFrame>
  );
}

function Promotion() {
  const search = useSearch({ strict: false }) as { alias?: string; version?: string };
  const navigate = useNavigate();
  const aliases = useQuery(aliasesQuery);
  const versions = useQuery(versionsQuery);
  const usual = aliases.data?.find((one) => one.alias === USUAL_ALIAS) ?? aliases.data?.[0];
  const alias = search.alias ?? usual?.alias ?? "";
  const version = search.version ?? "";
  const gates = useQuery(gatesQuery(version, alias));
  const history = useQuery(promotionsQuery(alias));
  const row = aliases.data?.find((one) => one.alias === alias);
  const choose = (next: { alias: string; version: string }) =>
    void navigate({
      to: "/admin/promote",
      search: { alias: next.alias, ...(next.version ? { version: next.version } : {}) } as never,
      replace: true,
    });
  const failed = aliases.isError ? aliases : versions.isError ? versions : null;
  if (failed) return <ErrorNotice error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!aliases.data || !versions.data) return <Skeleton lines={8} />;
  const reasoners = versions.data.filter((one) => one.role === "reasoner");
  return (
    <>
      <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
        <Select
          label={a.promote.alias}
          value={alias}
          onChange={(event) => choose({ alias: event.target.value, version })}
          options={aliases.data.map((one) => ({ value: one.alias, label: one.alias }))}
        />
        <Select
          label={a.promote.version}
          value={version}
          onChange={(event) => choose({ alias, version: event.target.value })}
          options={[{ value: "", label: "–" }, ...reasoners.map((one) => ({ value: one.id, label: one.id }))]}
        />
      </div>
      {row && <Serving row={row} />}
      {!version && <p className="text-soft">{a.promote.pickVersion}</p>}
      {gates.isLoading && <Skeleton lines={6} />}
      {gates.isError && <ErrorNotice error={gates.error} onRetry={() => void gates.refetch()} />}
      {version && gates.data && <GatesPanel key={`${alias} ${version}`} gates={gates.data} />}
      <Panel title={a.promote.history}>
        {history.isPending && <Skeleton />}
        {history.isError && <ErrorNotice error={history.error} onRetry={() => void history.refetch()} />}
        {history.data && <HistoryTable rows={history.data} />}
      </Panel>
    </>
  );
}

async function refresh(): Promise<void> {
  await Promise.all(
    ["aliases", "promotions", "gates", "versions", "models"].map((key) =>
      queryClient.invalidateQueries({ queryKey: [key] }),
    ),
  );
}

/** What answers now, and one click back. */
function Serving({ row }: { row: AliasRow }) {
  const back = useMutation({
    mutationFn: () => rollback(row.alias, row.model, a.promote.rollbackReason),
    onSettled: refresh,
  });
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-2 rounded-lg border border-line bg-raised px-4 py-3 shadow-panel">
      <div>
        <p className="text-xs text-soft">{a.promote.serving}</p>
        <p className="text-md font-medium">{row.model ?? a.models.nobody}</p>
      </div>
      {row.waiting && (
        <p role="status" className="text-sm text-abstain">
          {a.promote.waiting(row.waiting)}
        </p>
      )}
      <div className="ml-auto flex flex-col items-end gap-1">
        {row.rollback_to ? (
          <Button disabled={back.isPending} onClick={() => back.mutate()}>
            {a.promote.rollback(row.rollback_to)}
          </Button>
        ) : (
          <span className="text-sm text-soft">{a.promote.noRollback}</span>
        )}
        {back.isError && <AlertLine>{errorWords(back.error)}</AlertLine>}
      </div>
    </div>
  );
}

function GatesPanel({ gates }: { gates: Gates }) {
  const [one, other] = [gates.serving_report?.id, gates.candidate_report?.id];
  return (
    <Panel
      title={a.promote.gates}
      tools={
        one &&
        other && (
          <Link to="/admin/compare" search={{ a: one, b: other } as never} className={`text-sm ${TEXT_LINK}`}>
            {a.promote.compare}
          </Link>
        )
      }
    >
      <GateList gates={gates} />
      <PromoteForm gates={gates} />
    </Panel>
  );
}

function PromoteForm({ gates }: { gates: Gates }) {
  const [reason, setReason] = useState("");
  const move = useMutation({
    mutationFn: () => promote(gates.alias, gates.model, reason.trim()),
    onSettled: refresh,
  });
  const canGo = gates.is_ok && reason.trim().length >= 3 && !move.isPending;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (canGo) move.mutate();
  };
  if (move.isSuccess)
    return (
      <p role="status" className="border-l-2 border-accept py-1 pl-4">
        {move.data.state === "waiting"
          ? a.promote.waiting(gates.model)
          : a.promote.done(gates.model, gates.alias)}
      </p>
    );
  return (
    <form onSubmit={submit} className="flex flex-col gap-3 border-t border-line pt-4">
      <label className="flex flex-col gap-1">
        <span className="text-sm font-medium">{a.promote.reason}</span>
        <textarea
          rows={2}
          maxLength={2000}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          className="w-full rounded-md border border-line-strong bg-raised px-3 py-2"
        />
        <span className="text-sm text-soft">{a.promote.reasonHint}</span>
      </label>
      {!gates.is_ok && <p className="text-sm text-reject">{a.promote.blocked}</p>}
      {move.isError && <ErrorNotice error={move.error} />}
      <Button look="accent" type="submit" className="self-start" disabled={!canGo}>
        {a.promote.submit(gates.model, gates.alias)}
      </Button>
    </form>
  );
}
