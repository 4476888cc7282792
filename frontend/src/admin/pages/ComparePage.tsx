/** Two measurements side by side: family by family, then answer by answer. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { dateTime } from "../../format/dates";
import { count } from "../../format/numbers";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { AdminFrame } from "../AdminFrame";
import { comparisonQuery, reportsQuery } from "../api";
import type { Comparison, Report } from "../api_types";
import { CompareTable } from "../models/CompareTable";
import { isFilter, Samples, type SamplesPlace } from "../models/Samples";
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

interface CompareSearch {
  a?: number;
  b?: number;
  show?: string;
  family?: string;
  offset?: number;
}

const placeOf = (search: CompareSearch): SamplesPlace => ({
  show: isFilter(search.show) ? search.show : "differ",
  family: search.family ?? "",
  offset: Math.max(0, Number(search.offset) || 0),
});

function Chosen() {
  const search = useSearch({ strict: false }) as CompareSearch;
  const navigate = useNavigate();
  const reports = useQuery(reportsQuery);
  const [one, other] = [Number(search.a) || 0, Number(search.b) || 0];
  const comparison = useQuery(comparisonQuery(one, other));
  const choose = (next: { a: number; b: number }) =>
    void navigate({ to: "/admin/compare", search: next as never, replace: true });
  const place = (next: SamplesPlace) =>
    void navigate({
      to: "/admin/compare",
      search: { a: one, b: other, ...next } as never,
      resetScroll: false,
    });
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
      {comparison.data && (
        <ComparisonView comparison={comparison.data} place={placeOf(search)} onPlace={place} />
      )}
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

interface ViewProps {
  comparison: Comparison;
  place: SamplesPlace;
  onPlace: (place: SamplesPlace) => void;
}

function ComparisonView({ comparison, place, onPlace }: ViewProps) {
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
      <Samples comparison={comparison} place={place} onPlace={onPlace} />
    </>
  );
}
