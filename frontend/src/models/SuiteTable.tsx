/**
 * Suites asked in one mode: for each the share right as it was asked, then pass@k, maj@k and verifier@k of several
 * samples, each with its bar and its 95 % interval.
 */
import type { FamilyRow, ModelCard } from "../api/types";
import { count } from "../format/numbers";
import { t } from "../strings";
import { TableHead } from "../ui/TableHead";
import { FamilyTable } from "./FamilyTable";
import { ShareBar } from "./ShareBar";
import { type Figure, figuresOf, isOfSuites } from "./suite_report";

/** The table that fits what a card was measured on. */
export function MeasuredTable({ card }: { card: ModelCard }) {
  return isOfSuites(card) ? <SuiteTable card={card} /> : <FamilyTable card={card} />;
}

export function SuiteTable({ card }: { card: ModelCard }) {
  const { suites: words } = t.measured;
  const rows = card.families ?? [];
  return (
    <div className="flex flex-col gap-1">
      <h3 className="text-sm font-semibold">
        {words.title(words.modes[card.mode ?? ""] ?? card.mode ?? "")}
      </h3>
      <p className="max-w-[68ch] text-sm text-soft">{words.hint(card.num_samples ?? 1)}</p>
      <section aria-label={t.models.measured} tabIndex={0} className="scrolls mt-2">
        <table className="figures w-full max-w-[760px] text-right text-sm">
          <TableHead
            columns={[
              { label: words.columns.figure, align: "left" },
              { label: t.models.columns.interval, width: "w-[44%] max-sm:w-[24%]", isUnseen: true },
              words.columns.right,
              t.models.columns.interval,
              t.models.columns.n,
            ]}
            gap="before"
          />
          {rows.map((row) => (
            <Suite key={row.family} row={row} />
          ))}
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

function Suite({ row }: { row: FamilyRow }) {
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={5} className="pt-4 pb-1 text-left">
          <span className="font-semibold">{row.family.replaceAll("_", " ")}</span>
          <span className="ml-3 text-xs font-normal text-soft">{asides(row).join(", ")}</span>
        </th>
      </tr>
      {figuresOf(row).map((figure) => (
        <FigureRow key={figure.name} figure={figure} />
      ))}
    </tbody>
  );
}

function FigureRow({ figure }: { figure: Figure }) {
  const { share, interval_low: low, interval_high: high, n } = figure.measured;
  const percent = (value: number) => Math.round(value * 100);
  return (
    <tr className="border-b border-line">
      <td className="py-1.5 text-left whitespace-nowrap">{figure.name}</td>
      <td className="py-1.5 pl-4">
        <ShareBar {...{ share, low, high }} />
      </td>
      <td className="py-1.5 pl-4 font-medium">{percent(share)}</td>
      <td className="py-1.5 pl-4 whitespace-nowrap text-soft">
        {percent(low)}–{percent(high)}
      </td>
      <td className="py-1.5 pl-4 text-soft">{count(n)}</td>
    </tr>
  );
}

/** What a suite says besides its shares. */
function asides(row: FamilyRow): string[] {
  const { suites: words } = t.measured;
  const shares = [
    [words.strict, row.strict],
    [words.flexible, row.flexible],
    [words.validCalls, row.tool_validity],
  ] as const;
  return [
    ...shares.flatMap(([name, measured]) =>
      measured?.n ? [`${name} ${Math.round(measured.share * 100)} %`] : [],
    ),
    ...(row.tokens_per_problem === undefined ? [] : [words.tokens(Math.round(row.tokens_per_problem))]),
    ...(row.tokens_per_solved ? [words.tokensSolved(Math.round(row.tokens_per_solved))] : []),
  ];
}
