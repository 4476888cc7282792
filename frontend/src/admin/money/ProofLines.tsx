/** The four lines of the money proof: each with its words, its reach, its time and its first difference. */
import { money } from "../../format/numbers";
import type { ProofLine } from "./api";
import { m } from "./strings";

const MARKS = { holds: "✓", broken: "✕", unchecked: "–" };
const LOOKS = { holds: "text-accept", broken: "text-reject", unchecked: "text-soft" };
const EDGES = { holds: "border-line", broken: "border-reject", unchecked: "border-line border-dashed" };

export function ProofLines({ lines }: { lines: ProofLine[] }) {
  return (
    <ul className="grid grid-cols-2 gap-4 max-lg:grid-cols-1">
      {lines.map((line) => (
        <li
          key={line.name}
          data-proof={line.name}
          data-state={line.state}
          className={`flex min-w-0 flex-col gap-2 rounded-lg border bg-raised p-4 shadow-panel ${EDGES[line.state]}`}
        >
          <OneLine line={line} />
        </li>
      ))}
    </ul>
  );
}

function OneLine({ line }: { line: ProofLine }) {
  const words = m.proof.lines[line.name];
  const sums = Object.entries(line.sums_nano_usd);
  return (
    <>
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 className="font-serif text-lg">{words.title}</h2>
        <p className={`text-sm font-medium ${LOOKS[line.state]}`}>
          <span aria-hidden="true">{MARKS[line.state]} </span>
          {m.proof.states[line.state]}
        </p>
      </div>
      <p className="text-sm text-soft">{words.says}</p>
      {line.first_difference && (
        <p className="border-l-2 border-reject py-1 pl-3 text-sm break-words">
          <span className="block text-xs text-soft">{m.proof.first}</span>
          {line.first_difference}
        </p>
      )}
      <p className="figures mt-auto flex flex-wrap gap-x-5 pt-1 text-sm">
        {line.state !== "unchecked" && <span>{words.covers(line.num_covered)}</span>}
        {sums.map(([name, nanoUsd]) => (
          <span key={name}>
            {m.proof.sums[name] ?? name} {money(nanoUsd)}
          </span>
        ))}
        {line.state !== "unchecked" && <span className="text-soft">{m.proof.took(line.wall_ms)}</span>}
      </p>
      {line.note && <p className="text-sm break-words text-soft">{line.note}</p>}
    </>
  );
}
