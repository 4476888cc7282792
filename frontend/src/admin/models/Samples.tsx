/** What two versions answered to the same problems, page by page, each with how it came to its answer. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { TraceRail } from "../../trace/TraceRail";
import { traceOf } from "../../trace/trace";
import { Button } from "../../ui/Button";
import { Chips } from "../../ui/Chips";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { type SampleFilter, samplesQuery } from "../api";
import type { Comparison, SampleAnswer, SamplePair, SamplesPage } from "../api_types";
import { a } from "../strings";

const PAGE = 10;
const FILTERS: SampleFilter[] = ["differ", "b_wrong", "b_better", "all"];

export const isFilter = (text: unknown): text is SampleFilter => FILTERS.includes(text as SampleFilter);

/** Where a reader stands; it is in the address. */
export interface SamplesPlace {
  show: SampleFilter;
  family: string;
  offset: number;
}

interface SamplesProps {
  comparison: Comparison;
  place: SamplesPlace;
  onPlace: (place: SamplesPlace) => void;
}

export function Samples({ comparison, place, onPlace }: SamplesProps) {
  const ids = { a: comparison.a.id, b: comparison.b.id };
  const page = useQuery(samplesQuery({ ...ids, ...place, limit: PAGE }));
  const found = page.data;
  return (
    <Panel
      title={a.samples.title}
      hint={a.samples.hint}
      tools={
        found && found.num_kept > 0 && <Choices place={place} families={found.families} onPlace={onPlace} />
      }
    >
      {page.isLoading && <Skeleton lines={8} />}
      {page.isError && <ErrorNotice error={page.error} onRetry={() => void page.refetch()} />}
      {found?.num_kept === 0 && <p className="text-soft">{a.samples.none}</p>}
      {found && found.num_kept > 0 && found.num_found === 0 && (
        <p className="text-soft">{a.samples.noneFound}</p>
      )}
      {found && found.num_found > 0 && (
        <>
          <SampleList page={found} comparison={comparison} />
          <Pager page={found} place={place} onPlace={onPlace} />
        </>
      )}
    </Panel>
  );
}

interface ChoicesProps {
  place: SamplesPlace;
  families: string[];
  onPlace: (place: SamplesPlace) => void;
}

function Choices({ place, families, onPlace }: ChoicesProps) {
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Chips
        label={a.samples.filter}
        value={place.show}
        options={FILTERS.map((value) => ({ value, label: a.samples.filters[value] }))}
        onChange={(show) => onPlace({ ...place, show, offset: 0 })}
      />
      <Select
        label={a.samples.family}
        isLabelHidden
        value={place.family}
        onChange={(event) => onPlace({ ...place, family: event.target.value, offset: 0 })}
        options={[
          { value: "", label: a.samples.allFamilies },
          ...families.map((name) => ({ value: name, label: name.replaceAll("_", " ") })),
        ]}
        className="min-h-9! text-sm! max-md:min-h-11!"
      />
    </div>
  );
}

function Pager({ page, place, onPlace }: { page: SamplesPage } & Omit<ChoicesProps, "families">) {
  const last = Math.min(place.offset + PAGE, page.num_found);
  if (page.num_found <= PAGE) return null;
  return (
    <nav aria-label={a.samples.title} className="flex flex-wrap items-center gap-3">
      <Button
        disabled={place.offset === 0}
        onClick={() => onPlace({ ...place, offset: Math.max(0, place.offset - PAGE) })}
      >
        {a.samples.before}
      </Button>
      <span className="figures text-sm text-soft">
        {a.samples.page(place.offset + 1, last, page.num_found)}
      </span>
      <Button
        disabled={last >= page.num_found}
        onClick={() => onPlace({ ...place, offset: place.offset + PAGE })}
      >
        {a.samples.after}
      </Button>
    </nav>
  );
}

export function SampleList({ page, comparison }: { page: SamplesPage; comparison: Comparison }) {
  return (
    <ol className="flex flex-col">
      {page.samples.map((pair) => (
        <Sample
          key={`${pair.family} ${pair.mode} ${pair.question}`}
          pair={pair}
          names={[comparison.a.model, comparison.b.model]}
        />
      ))}
    </ol>
  );
}

function Sample({ pair, names }: { pair: SamplePair; names: [string, string] }) {
  return (
    <li className="flex flex-col gap-3 border-b border-line py-4 last:border-b-0">
      <div className="flex flex-col gap-1">
        <p className="text-xs text-soft">
          {pair.family.replaceAll("_", " ")}
          {pair.mode === "held_out" && `, ${a.samples.unseen}`}
        </p>
        <p className="font-serif text-md break-words">{pair.question}</p>
        <p className="text-sm">
          <span className="text-soft">{a.compare.known}</span>{" "}
          <span className="font-mono text-xs break-words">{pair.known}</span>
        </p>
      </div>
      <div className="grid grid-cols-2 gap-4 max-lg:grid-cols-1">
        <Side name={names[0]} answer={pair.a} />
        <Side name={names[1]} answer={pair.b} />
      </div>
    </li>
  );
}

function Side({ name, answer }: { name: string; answer: SampleAnswer }) {
  const [isOpen, setOpen] = useState(false);
  const [word, colour] = verdictOf(answer);
  return (
    <section aria-label={name} className="flex min-w-0 flex-col gap-2 rounded-md border border-line p-3">
      <p className="flex flex-wrap items-baseline justify-between gap-x-3 text-sm">
        <span className="min-w-0 font-medium break-words">{name}</span>
        <span className={colour}>{word}</span>
      </p>
      {answer.is_right !== null && (
        <p className="font-mono text-xs leading-5 break-words">
          {answer.given || <span className="font-sans text-soft">{a.samples.noAnswer}</span>}
        </p>
      )}
      {answer.num_tokens !== null && (
        <p className="figures text-xs text-soft">{a.samples.used(answer.num_tokens, answer.num_calls)}</p>
      )}
      {answer.trace ? (
        <>
          <button
            type="button"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
            className="min-h-7 self-start text-sm text-soft underline decoration-line-strong underline-offset-4 hover:text-ink max-md:min-h-11"
          >
            {a.samples.trace}
          </button>
          {isOpen && <TraceRail trace={traceOf(answer.trace)} waiting={null} />}
        </>
      ) : (
        answer.is_right !== null && <p className="text-sm text-soft">{a.samples.noTrace}</p>
      )}
    </section>
  );
}

function verdictOf(answer: SampleAnswer): [string, string] {
  if (answer.is_right === null) return [a.compare.unknown, "text-soft"];
  return answer.is_right ? [a.compare.right, "text-accept"] : [a.compare.wrong, "text-reject"];
}
