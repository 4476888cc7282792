/** Which other jobs' curves stand beside this one's. */
import { useQuery } from "@tanstack/react-query";
import { dateTime } from "../../format/dates";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { jobsPage } from "../api";
import type { JobRow } from "../api_types";
import { COMPARED_MAX } from "../charts/series";
import { a } from "../strings";
import { jobTitle } from "./job_words";
import { StateWord } from "./StateWord";

interface CompareProps {
  job: JobRow;
  chosen: string[];
  isOpen: boolean;
  onChange: (chosen: string[]) => void;
  onClose: () => void;
}

/** This one is among the eight. */
const OTHERS_MAX = COMPARED_MAX - 1;

export function CompareDialog({ job, chosen, isOpen, onChange, onClose }: CompareProps) {
  const jobs = useQuery({
    queryKey: ["jobs", "compare", job.kind],
    queryFn: () => jobsPage("", job.kind, null),
    enabled: isOpen,
  });
  const others = (jobs.data?.results ?? []).filter((other) => other.id !== job.id && other.step > 0);
  const toggle = (id: string) =>
    onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(0, OTHERS_MAX));
  return (
    <Dialog title={a.charts.compareTitle} isOpen={isOpen} onClose={onClose}>
      <h2 className="font-serif text-lg font-medium">{a.charts.compareTitle}</h2>
      <p className="mb-3 text-soft">{a.charts.compareHint(OTHERS_MAX)}</p>
      {jobs.isPending && <Skeleton />}
      {jobs.isError && <ErrorNotice error={jobs.error} onRetry={() => void jobs.refetch()} />}
      {jobs.isSuccess && others.length === 0 && <p>{a.charts.compareNone}</p>}
      <ul className="flex flex-col">
        {others.map((other) => (
          <li key={other.id} className="border-b border-line last:border-b-0">
            <label className="flex min-h-11 cursor-pointer items-center gap-3 py-2">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={chosen.includes(other.id)}
                disabled={!chosen.includes(other.id) && chosen.length >= OTHERS_MAX}
                onChange={() => toggle(other.id)}
              />
              <span className="min-w-0 flex-1 truncate">{jobTitle(other)}</span>
              <span className="text-sm whitespace-nowrap">
                <StateWord job={other} />, <span className="text-soft">{dateTime(other.created_at)}</span>
              </span>
            </label>
          </li>
        ))}
      </ul>
      <div className="mt-5 flex justify-end">
        <Button look="accent" onClick={onClose}>
          {t.common.done}
        </Button>
      </div>
    </Dialog>
  );
}
