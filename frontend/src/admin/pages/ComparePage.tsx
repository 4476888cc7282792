/** Two measurements side by side: family by family, then the problems they answered differently. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { dateTime } from "../../format/dates";
import { count } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { Chips } from "../../ui/Chips";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { AdminFrame } from "../AdminFrame";
import { comparisonQuery, reportsQuery } from "../api";
import type { Comparison, Report, SamplePair } from "../api_types";
import { CompareTable } from "../models/CompareTable";
import { type SampleFilter, samplesFound } from "../models/compare_words";
import { a } from "../strings";

export function ComparePage() {
  return (
    <AdminFrame
      title={a.compare.title}
      crumb={
        <Link to="/admin/models" className="hover:text-ink">
          {a.models.title}
        </Link>
      }
    >
      <Chosen />
    </AdminFrame>
  );
}

function Chosen() {
  const search = useSearch({ strict: false }) as { a?: number; b?: number };
  const navigate = useNavigate();
  const reports = useQuery(reportsQuery);
  const [one, other] = [Number(search.a) || 0, Number(search.b) || 0];
  const comparison = useQuery(comparisonQuery(one, other));
  const choose = (next: { a: number; b: number }) =>
    void navigate({ to: "/admin/compare", search: next as never, replace: true });
  if (reports.isSuccess && reports.data.length === 0)
    return (
      <Empty
        action={
          <Link to="/admin/models" className="underline decoration-line-strong underline-offset-4">
            {a.models.title}
          </Link>
        }
      >
        {a.compare.noReports}
      </Empty>
    );
  return (
    <>
      {reports.isPending && <Skeleton />}
      {reports.isError && <ErrorNotice error={reports.error} onRetry={() => void reports.refetch()} />}
      {reports.data && (
        <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
          <Picker
            label={a.compare.a}
            reports={reports.data}
            value={one}
            onChange={(id) => choose({ a: id, b: other })}
          />
          <Picker
            label={a.compare.b}
            reports={reports.data}
            value={other}
            onChange={(id) => choose({ a: one, b: id })}
          />
        </div>
      )}
      {reports.data && (!one || !other) && <p className="text-soft">{a.compare.none}</p>}
      {comparison.isLoading && <Skeleton lines={8} />}
      {comparison.isError && (
        <ErrorNotice error={comparison.error} onRetry={() => void comparison.refetch()} />
      )}
      {comparison.data && <ComparisonView comparison={comparison.data} />}
    </>
  );
}

interface PickerProps {
  label: string;
  reports: Report[];
  value: number;
  onChange: (id: number) => void;
}

function Picker({ label, reports, value, onChange }: PickerProps) {
  return (
    <Select
      label={label}
      value={String(value)}
      onChange={(event) => onChange(Number(event.target.value))}
      options={[
        { value: "0", label: "–" },
        ...reports.map((report) => ({
          value: String(report.id),
          label: `${report.model}: ${(report.share * 100).toFixed(1)} %, n ${count(report.n)}, ${dateTime(report.created_at)}`,
        })),
      ]}
    />
  );
}

export function ComparisonView({ comparison }: { comparison: Comparison }) {
  return (
    <>
      {!comparison.is_same_problems && (
        <p role="status" className="border-l-2 border-abstain py-1 pl-4">
          {a.compare.notSame}
        </p>
      )}
      <Panel title={a.compare.families} hint={a.compare.familiesHint}>
        <CompareTable totals={comparison.totals} families={comparison.families} />
      </Panel>
      <Samples comparison={comparison} />
    </>
  );
}

const SHOWN_FIRST = 20;

function Samples({ comparison }: { comparison: Comparison }) {
  const [filter, setFilter] = useState<SampleFilter>("all");
  const [family, setFamily] = useState("");
  const [isAll, setAll] = useState(false);
  const found = samplesFound(comparison.samples, filter, family);
  const families = [...new Set(comparison.samples.map((pair) => pair.family))].sort();
  if (comparison.samples.length === 0)
    return (
      <Panel title={a.compare.samples}>
        <p className="text-soft">{a.compare.samplesNone}</p>
      </Panel>
    );
  return (
    <Panel
      title={a.compare.samples}
      hint={a.compare.samplesHint}
      tools={
        <div className="flex flex-wrap items-center gap-3">
          <Chips
            label={a.compare.filter}
            value={filter}
            options={(["all", "b_wrong", "a_wrong"] as const).map((value) => ({
              value,
              label: a.compare.filters[value],
            }))}
            onChange={setFilter}
          />
          <Select
            label={a.compare.columns.family}
            isLabelHidden
            value={family}
            onChange={(event) => setFamily(event.target.value)}
            options={[
              { value: "", label: a.compare.filters.all },
              ...families.map((name) => ({ value: name, label: name.replaceAll("_", " ") })),
            ]}
            className="min-h-9! text-sm! max-md:min-h-11!"
          />
        </div>
      }
    >
      {found.length === 0 && <p className="text-soft">{a.log.noMatch}</p>}
      <ol className="flex flex-col">
        {found.slice(0, isAll ? undefined : SHOWN_FIRST).map((pair) => (
          <Sample key={`${pair.family} ${pair.question}`} pair={pair} comparison={comparison} />
        ))}
      </ol>
      {!isAll && found.length > SHOWN_FIRST && (
        <Button className="self-start" onClick={() => setAll(true)}>
          {a.jobs.showAll} ({count(found.length)})
        </Button>
      )}
    </Panel>
  );
}

function Sample({ pair, comparison }: { pair: SamplePair; comparison: Comparison }) {
  return (
    <li className="flex flex-col gap-1 border-b border-line py-3 last:border-b-0">
      <p className="text-xs text-soft">{pair.family.replaceAll("_", " ")}</p>
      <p className="font-serif text-md break-words">{pair.question}</p>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5 text-sm">
        <dt className="text-soft">{a.compare.known}</dt>
        <dd className="font-mono text-xs leading-5 break-words">{pair.known}</dd>
        <Given model={comparison.a.model} answer={pair.a} />
        <Given model={comparison.b.model} answer={pair.b} />
      </dl>
    </li>
  );
}

function Given({ model, answer }: { model: string; answer: SamplePair["a"] }) {
  const [word, colour] =
    answer.is_right === null
      ? [a.compare.unknown, "text-soft"]
      : answer.is_right
        ? [a.compare.right, "text-accept"]
        : [a.compare.wrong, "text-reject"];
  return (
    <>
      <dt className="text-soft">{model}</dt>
      <dd className="font-mono text-xs leading-5 break-words">
        {answer.given} <span className={`font-sans ${colour}`}>{word}</span>
      </dd>
    </>
  );
}
