/** The registry: which alias answers with what, and every version with its figures and where it came from. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { ModelCard } from "../../api/types";
import { dateTime, utc } from "../../format/dates";
import { countShort } from "../../format/numbers";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { TableHead } from "../../ui/TableHead";
import { AdminFrame } from "../AdminFrame";
import { aliasesQuery, versionsQuery } from "../api";
import type { AliasRow, VersionRow } from "../api_types";
import { BUTTON_LINK, TEXT_LINK } from "../links";
import { intervalWords, percentWords } from "../models/compare_words";
import { VersionNodes } from "../models/NodesDialog";
import { a } from "../strings";

export function ModelsPage() {
  return (
    <AdminFrame
      title={a.models.title}
      hint={a.models.hint}
      action={
        <Link to="/admin/promote" className={BUTTON_LINK}>
          {a.models.promote}
        </Link>
      }
    >
      <Aliases />
      <Versions />
    </AdminFrame>
  );
}

function Aliases() {
  const aliases = useQuery(aliasesQuery);
  if (!aliases.data?.length) return null;
  return (
    <Panel title={a.models.aliases}>
      <ul className="flex flex-col text-sm">
        {aliases.data.map((alias) => (
          <AliasLine key={alias.alias} alias={alias} />
        ))}
      </ul>
    </Panel>
  );
}

function AliasLine({ alias }: { alias: AliasRow }) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 border-b border-line py-2 last:border-b-0">
      <span className="font-medium">{alias.alias}</span>
      <span className="text-soft">{a.models.serves}</span>
      <span className="font-medium">{alias.model ?? a.models.nobody}</span>
      {alias.waiting && <span className="text-abstain">{a.models.waiting(alias.waiting)}</span>}
      <Link to="/admin/promote" search={{ alias: alias.alias } as never} className={`ml-auto ${TEXT_LINK}`}>
        {a.models.promote}
      </Link>
    </li>
  );
}

function Versions() {
  const versions = useQuery(versionsQuery);
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<string[]>([]);
  const [placing, setPlacing] = useState<string | null>(null);
  const rows = [...(versions.data ?? [])].sort((one, other) =>
    (other.staff?.created_at ?? "").localeCompare(one.staff?.created_at ?? ""),
  );
  const placed = rows.find((row) => row.id === placing);
  const toggle = (id: string) =>
    setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-2));
  const reportOf = (id: string) => rows.find((row) => row.id === id)?.staff?.reports[0]?.id;
  const [first, second] = chosen.map(reportOf);
  return (
    <Panel
      title={a.models.versions}
      hint={a.models.compareWith}
      tools={
        <Button
          disabled={!first || !second}
          onClick={() => void navigate({ to: "/admin/compare", search: { a: first, b: second } as never })}
        >
          {a.models.compare}
        </Button>
      }
    >
      {versions.isPending && <Skeleton lines={6} />}
      {versions.isError && <ErrorNotice error={versions.error} onRetry={() => void versions.refetch()} />}
      {versions.isSuccess && rows.length === 0 && <Empty>{a.models.empty}</Empty>}
      {rows.length > 0 && (
        <VersionTable rows={rows} chosen={chosen} onToggle={toggle} onNodes={(row) => setPlacing(row.id)} />
      )}
      <Dialog
        title={a.deploy.of(placing ?? "")}
        isOpen={placed !== undefined}
        onClose={() => setPlacing(null)}
      >
        {placed && <VersionNodes version={placed} onClose={() => setPlacing(null)} />}
      </Dialog>
    </Panel>
  );
}

interface TableProps {
  rows: VersionRow[];
  chosen: string[];
  onToggle: (id: string) => void;
  onNodes: (row: VersionRow) => void;
}

export function VersionTable({ rows, chosen, onToggle, onNodes }: TableProps) {
  const { columns } = a.models;
  return (
    <table className="figures w-full text-left text-sm max-lg:block">
      <caption className="sr-only">{a.models.versions}</caption>
      <TableHead
        columns={[
          { label: a.models.compare, width: "w-8", isUnseen: true },
          columns.version,
          columns.measured,
          columns.from,
          columns.nodes,
          columns.made,
          { label: a.models.promote, isUnseen: true },
        ]}
        foldsBelow="lg"
      />
      <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
        {rows.map((row) => (
          <Row
            key={row.id}
            row={row}
            isChosen={chosen.includes(row.id)}
            onToggle={() => onToggle(row.id)}
            onNodes={() => onNodes(row)}
          />
        ))}
      </tbody>
    </table>
  );
}

const CELL = "py-3 pr-4 max-lg:p-0";

interface RowProps {
  row: VersionRow;
  isChosen: boolean;
  onToggle: () => void;
  onNodes: () => void;
}

function Row({ row, isChosen, onToggle, onNodes }: RowProps) {
  const report = row.staff?.reports[0];
  return (
    <tr className="relative border-b border-line align-top max-lg:flex max-lg:flex-col max-lg:gap-1 max-lg:py-3 max-lg:pl-8">
      <td className="py-3 max-lg:absolute max-lg:top-3 max-lg:left-0 max-lg:p-0">
        <input
          type="checkbox"
          aria-label={`${a.models.compare}: ${row.id}`}
          className="size-4 accent-accent"
          checked={isChosen}
          disabled={!report}
          onChange={onToggle}
        />
      </td>
      <td className={CELL}>
        <span className="font-medium">{row.id}</span>
        <span className="block text-soft">
          {[row.role, countShort(row.num_parameters), row.staff?.dtype].filter(Boolean).join(", ")}
        </span>
        <Origin card={row.card as ModelCard} />
        {row.aliases.length > 0 && <span className="block text-accept">{row.aliases.join(", ")}</span>}
      </td>
      <td className={`${CELL} whitespace-nowrap`}>
        {report ? (
          <>
            {percentWords(report)}{" "}
            <span className="text-soft">
              ({intervalWords(report)}), n {report.n}
            </span>
          </>
        ) : (
          <span className="text-soft">{a.models.notMeasured}</span>
        )}
      </td>
      <td className={CELL}>
        <From row={row} />
      </td>
      <td className={CELL}>
        <span aria-hidden="true" className="text-soft lg:hidden">
          {a.models.columns.nodes}:{" "}
        </span>
        <Nodes row={row} />
      </td>
      <td className={`${CELL} whitespace-nowrap text-soft`}>
        {row.staff && (
          <time dateTime={row.staff.created_at} title={utc(row.staff.created_at)}>
            {dateTime(row.staff.created_at)}
          </time>
        )}
      </td>
      <td className="py-3 whitespace-nowrap max-lg:p-0">
        <span className="flex gap-4 max-md:min-h-11 max-md:items-center lg:justify-end">
          <button type="button" onClick={onNodes} className={TEXT_LINK} aria-label={a.deploy.of(row.id)}>
            {a.deploy.column}
          </button>
          {row.role === "reasoner" && (
            <>
              <Link
                to="/admin/jobs/new"
                search={{ kind: "evaluate", model: row.id } as never}
                className={TEXT_LINK}
                aria-label={`${a.models.evaluate}: ${row.id}`}
              >
                {a.models.evaluate}
              </Link>
              <Link
                to="/admin/promote"
                search={{ version: row.id } as never}
                className={TEXT_LINK}
                aria-label={`${a.models.promote}: ${row.id}`}
              >
                {a.models.promote}
              </Link>
            </>
          )}
        </span>
      </td>
    </tr>
  );
}

/** Whose model it is where somebody else made it, and in which format its weights are kept. */
function Origin({ card }: { card: ModelCard }) {
  const words = [
    card.source?.title,
    card.licence,
    card.quantization && t.measured.quantised(card.quantization.bits, card.quantization.group_size),
  ].filter(Boolean);
  return words.length > 0 ? <span className="block text-soft">{words.join(", ")}</span> : null;
}

function From({ row }: { row: VersionRow }) {
  const lineage = row.staff?.lineage;
  return (
    <>
      {lineage?.job_id ? (
        <Link to="/admin/jobs/$jobId" params={{ jobId: lineage.job_id }} className={TEXT_LINK}>
          {a.models.fromJob(lineage.step)}
        </Link>
      ) : (
        <span className="text-soft">{a.models.shipped}</span>
      )}
      {lineage?.parent && <span className="block text-soft">{lineage.parent}</span>}
    </>
  );
}

function Nodes({ row }: { row: VersionRow }) {
  const pending = (row.staff?.deployments ?? []).filter((wish) => wish.state !== "ready");
  const ready = row.staff?.ready_nodes ?? [];
  return (
    <>
      {ready.length > 0 ? ready.join(", ") : <span className="text-soft">{a.models.nowhere}</span>}
      {pending.map((wish) => (
        <span
          key={wish.node}
          className={`block ${wish.state === "failed" ? "text-reject" : "text-abstain"}`}
          title={wish.reason}
        >
          {wish.node}: {wish.state}
        </span>
      ))}
      {row.staff && !row.staff.has_files && ready.length === 0 && (
        <span className="block text-soft">{a.models.noFiles}</span>
      )}
    </>
  );
}
