/** Stored data files in rows; on a phone each is a card. */
import { Link } from "@tanstack/react-router";
import { bytes } from "../../format/bytes";
import { dateTime, utc } from "../../format/dates";
import { count } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { TableHead } from "../../ui/TableHead";
import type { DataFileRow } from "../api_types";
import { TEXT_LINK } from "../links";
import { a } from "../strings";

interface TableProps {
  rows: DataFileRow[];
  onRemove: (row: DataFileRow) => void;
}

export function FileTable({ rows, onRemove }: TableProps) {
  const { columns } = a.files;
  return (
    <table className="figures w-full text-left text-sm max-lg:block">
      <caption className="sr-only">{a.files.title}</caption>
      <TableHead
        columns={[
          columns.name,
          { label: columns.rows, align: "right" },
          columns.columns,
          { label: columns.size, align: "right" },
          columns.made,
          { label: a.files.remove, isUnseen: true },
        ]}
        foldsBelow="lg"
      />
      <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
        {rows.map((row) => (
          <Row key={row.sha256} row={row} onRemove={() => onRemove(row)} />
        ))}
      </tbody>
    </table>
  );
}

const CELL = "py-3 pr-4 align-top max-lg:p-0";

function Row({ row, onRemove }: { row: DataFileRow; onRemove: () => void }) {
  return (
    <tr className="border-b border-line max-lg:flex max-lg:flex-col max-lg:gap-1 max-lg:py-3">
      <td className={CELL}>
        <span className="block font-serif text-md break-all">{row.name}</span>
        <span className="font-mono text-xs text-soft" title={row.sha256}>
          {row.sha256.slice(0, 12)}
        </span>
      </td>
      <td className={`${CELL} whitespace-nowrap lg:text-right`}>
        {row.num_rows === null ? (
          <span className="text-soft" title={a.files.rowsUnknownHint}>
            {a.files.rowsUnknown}
          </span>
        ) : (
          <>
            <span className="max-lg:hidden">{count(row.num_rows)}</span>
            <span className="lg:hidden">{a.files.rows(row.num_rows)}</span>
          </>
        )}
      </td>
      <td className={`${CELL} font-mono text-xs leading-5 break-words text-soft`}>
        {row.columns.join(", ")}
      </td>
      <td className={`${CELL} whitespace-nowrap lg:text-right`}>{bytes(row.num_bytes)}</td>
      <td className={`${CELL} whitespace-nowrap text-soft`}>
        <time dateTime={row.created_at} title={utc(row.created_at)}>
          {dateTime(row.created_at)}
        </time>
      </td>
      <td className="py-2 align-top max-lg:p-0">
        <span className="flex items-center gap-3 lg:justify-end">
          <Link
            to="/admin/jobs/new"
            search={trainSearch(row) as never}
            className={`inline-flex min-h-9 items-center whitespace-nowrap max-md:min-h-11 ${TEXT_LINK}`}
          >
            {a.files.train}
            <span className="sr-only"> {row.name}</span>
          </Link>
          <Button look="quiet" onClick={onRemove}>
            {a.files.remove}
            <span className="sr-only"> {row.name}</span>
          </Button>
        </span>
      </td>
    </tr>
  );
}

const trainSearch = (row: DataFileRow) => ({
  kind: "train",
  file: row.sha256,
  ...(row.num_rows === null ? {} : { rows: row.num_rows }),
});
