/** Schedules in rows; on a phone each is a card. */
import { Link } from "@tanstack/react-router";
import { dateTime, utc } from "../../format/dates";
import { Button } from "../../ui/Button";
import { TableHead } from "../../ui/TableHead";
import { useNow } from "../../ui/use_now";
import type { ScheduleRow } from "../api_types";
import { StateWord } from "../jobs/StateWord";
import { TEXT_LINK } from "../links";
import { a } from "../strings";
import { everyWords } from "./every";

interface TableProps {
  rows: ScheduleRow[];
  isBusy: boolean;
  onEnable: (row: ScheduleRow, isEnabled: boolean) => void;
  onRemove: (row: ScheduleRow) => void;
}

export function ScheduleTable(props: TableProps) {
  const { columns } = a.schedules;
  return (
    <table className="figures w-full text-left text-sm max-lg:block">
      <caption className="sr-only">{a.schedules.title}</caption>
      <TableHead
        columns={[
          columns.name,
          columns.every,
          columns.last,
          columns.next,
          { label: a.schedules.pause, isUnseen: true },
        ]}
        foldsBelow="lg"
      />
      <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
        {props.rows.map((row) => (
          <Row key={row.id} row={row} {...props} />
        ))}
      </tbody>
    </table>
  );
}

const CELL = "py-3 pr-4 align-top max-lg:p-0";

function Row({ row, isBusy, onEnable, onRemove }: TableProps & { row: ScheduleRow }) {
  const { columns } = a.schedules;
  return (
    <tr className="border-b border-line max-lg:flex max-lg:flex-col max-lg:gap-1 max-lg:py-3">
      <td className={CELL}>
        <span className="block font-serif text-md break-words">{row.name}</span>
        <span className="text-soft">
          {a.jobs.kinds[row.spec.kind]}
          {row.priority !== 0 && `, ${a.jobs.priority(row.priority)}`}
        </span>
        {row.last_error && (
          <span className="mt-1 block max-w-[60ch] border-l-2 border-reject py-0.5 pl-3 break-words">
            {a.schedules.noJob}: {row.last_error}
          </span>
        )}
      </td>
      <td className={`${CELL} whitespace-nowrap`}>
        <Named name={columns.every}>{everyWords(row.every_seconds)}</Named>
      </td>
      <td className={CELL}>
        <Named name={columns.last}>
          <LastJob row={row} />
        </Named>
      </td>
      <td className={`${CELL} whitespace-nowrap`}>
        <Named name={columns.next}>
          <Next row={row} />
        </Named>
      </td>
      <td className="py-2 align-top max-lg:p-0 max-lg:pt-2">
        <span className="flex gap-2 lg:justify-end">
          <Button disabled={isBusy} onClick={() => onEnable(row, !row.is_enabled)}>
            {row.is_enabled ? a.schedules.pause : a.schedules.resume}
            <span className="sr-only"> {row.name}</span>
          </Button>
          <Button look="quiet" disabled={isBusy} onClick={() => onRemove(row)}>
            {a.schedules.remove}
            <span className="sr-only"> {row.name}</span>
          </Button>
        </span>
      </td>
    </tr>
  );
}

/** The column's name before the value, where the head of the table is not shown. */
function Named({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <span aria-hidden="true" className="text-soft lg:hidden">
        {name}:{" "}
      </span>
      {children}
    </>
  );
}

function LastJob({ row }: { row: ScheduleRow }) {
  if (!row.last_job) return <span className="text-soft">{a.schedules.neverYet}</span>;
  const { id, created_at } = row.last_job;
  return (
    <>
      <Link to="/admin/jobs/$jobId" params={{ jobId: id }} className={TEXT_LINK}>
        <time dateTime={created_at} title={utc(created_at)}>
          {dateTime(created_at)}
        </time>
      </Link>{" "}
      <span className="lg:block">
        <StateWord job={row.last_job} />
      </span>
    </>
  );
}

function Next({ row }: { row: ScheduleRow }) {
  const now = useNow(10_000);
  if (!row.is_enabled) return <span className="text-abstain">{a.schedules.paused}</span>;
  return (
    <time dateTime={row.next_at} title={utc(row.next_at)}>
      {Date.parse(row.next_at) <= now ? a.schedules.dueNow : dateTime(row.next_at)}
    </time>
  );
}
