/** What a model was measured to do, family by family: share right with its 95 % interval, with and without tools. */
import type { FamilyRow, MeasuredColumn, ModelCard } from "../api/types";
import { count } from "../format/numbers";
import { t } from "../strings";
import { TableHead } from "../ui/TableHead";
import { ShareBar } from "./ShareBar";

const WEAK_BELOW = 0.6; // the model card names these; the table marks them

const COLUMNS: { column: MeasuredColumn; label: string }[] = [
  { column: "verified", label: t.models.columns.verified },
  { column: "held_out", label: t.models.columns.unseen },
  { column: "without_tools", label: t.models.columns.noTools },
];

export function FamilyTable({ card }: { card: ModelCard }) {
  const { columns } = t.models;
  const rows = [...(card.families ?? [])].sort((a, b) => a.family.localeCompare(b.family));
  const all = totalRow(card);
  return (
    <div className="flex flex-col gap-1">
      <h3 className="text-sm font-semibold">{t.models.measured}</h3>
      <p className="max-w-[68ch] text-sm text-soft">{t.models.measuredHint}</p>
      <section aria-label={t.models.measured} tabIndex={0} className="scrolls mt-2">
        <table className="figures w-full max-w-[920px] min-w-[600px] text-right text-sm">
          <TableHead
            columns={[
              { label: columns.family, align: "left" },
              { label: columns.interval, width: "w-[24%]", isUnseen: true },
              columns.tools,
              columns.interval,
              ...COLUMNS.map(({ label }) => label),
              columns.n,
            ]}
            gap="before"
          />
          <tbody>
            {all && <Row row={all} isTotal />}
            {rows.map((row) => (
              <Row key={row.family} row={row} isTotal={false} />
            ))}
          </tbody>
        </table>
      </section>
      {card.command && (
        <p className="mt-2 text-sm text-soft">
          {t.models.reproduce} <code className="font-mono text-xs break-all text-ink">{card.command}</code>
        </p>
      )}
    </div>
  );
}

function totalRow(card: ModelCard): FamilyRow | null {
  const whole = card.total?.with_tools;
  if (!whole) return null;
  return {
    family: t.models.all,
    n: whole.n,
    with_tools: whole.share,
    without_tools: card.total?.without_tools?.share ?? 0,
    verified: card.total?.verified?.share ?? 0,
    interval_low: whole.interval_low,
    interval_high: whole.interval_high,
    details: card.total,
  };
}

/** The share in percent, or nothing where that column was not measured. */
function shareOf(row: FamilyRow, column: MeasuredColumn): string {
  const measured = row.details?.[column];
  if (row.details) return measured?.n ? String(Math.round(measured.share * 100)) : "";
  if (column === "verified" || column === "without_tools") return String(Math.round(row[column] * 100));
  return row.unseen_wording === undefined ? "" : String(Math.round(row.unseen_wording * 100));
}

function Row({ row, isTotal }: { row: FamilyRow; isTotal: boolean }) {
  const isWeak = row.with_tools < WEAK_BELOW;
  return (
    <tr className={`border-b border-line ${isTotal ? "font-semibold" : ""}`}>
      <td className="py-2 text-left">
        {row.family.replaceAll("_", " ")}
        {isWeak && <span className="ml-2 text-xs text-abstain">{t.models.weak}</span>}
      </td>
      <td className="py-2 pl-4">
        <ShareBar share={row.with_tools} low={row.interval_low} high={row.interval_high} />
      </td>
      <td className={`py-2 pl-4 ${isTotal ? "" : "font-medium"}`}>{Math.round(row.with_tools * 100)}</td>
      <td className="py-2 pl-4 font-normal whitespace-nowrap text-soft">
        {Math.round(row.interval_low * 100)}–{Math.round(row.interval_high * 100)}
      </td>
      {COLUMNS.map(({ column }) => (
        <td key={column} className="py-2 pl-4 font-normal text-soft">
          {shareOf(row, column)}
        </td>
      ))}
      <td className="py-2 pl-4 font-normal text-soft">{count(row.n)}</td>
    </tr>
  );
}
