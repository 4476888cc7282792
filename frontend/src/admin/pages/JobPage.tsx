/** One job, live: how it stands, its curves, its log, its checkpoints, what happened and why. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import type { ModelCard } from "../../api/types";
import type { Line } from "../../live/live_socket";
import { MeasuredTable } from "../../models/SuiteTable";
import { AlertLine, ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { AdminFrame } from "../AdminFrame";
import { jobAlertsQuery, jobMetricsQuery, jobQuery } from "../api";
import type { JobDetail, JobRow } from "../api_types";
import { alertsOf } from "../charts/alerts";
import { ChartPanel, type Compared } from "../charts/ChartPanel";
import { ArtifactPanel, isArtifactTold } from "../jobs/ArtifactPanel";
import { CheckpointsPanel } from "../jobs/CheckpointsPanel";
import { CompareDialog } from "../jobs/CompareDialog";
import { EventsPanel } from "../jobs/EventsPanel";
import { JobActions } from "../jobs/JobActions";
import { type JobLog, pointsOf } from "../jobs/job_log";
import { isEnded, jobTitle, stateHint } from "../jobs/job_words";
import { LogPanel } from "../jobs/LogPanel";
import { StatusLine } from "../jobs/StatusLine";
import { useJob, useSeed } from "../jobs/use_job";
import { TEXT_LINK } from "../links";
import { a } from "../strings";

export function JobPage() {
  const { jobId = "" } = useParams({ strict: false });
  const job = useQuery(jobQuery(jobId));
  // A job that is queued again has a life after its end: it is followed anew.
  const [life, setLife] = useState(0);
  if (!job.data)
    return (
      <AdminFrame title={a.jobs.title} crumb={<Crumb />}>
        {job.isPending && <Skeleton lines={8} />}
        {job.isError && <ErrorNotice error={job.error} onRetry={() => void job.refetch()} />}
      </AdminFrame>
    );
  return (
    <AdminFrame
      title={jobTitle(job.data)}
      crumb={<Crumb kind={job.data.kind} />}
      action={<JobActions job={job.data} onRequeued={() => setLife(life + 1)} />}
    >
      <Seeded key={`${jobId} ${life}`} detail={job.data} />
    </AdminFrame>
  );
}

function Crumb({ kind }: { kind?: string }) {
  return (
    <>
      <Link to="/admin/jobs" className="hover:text-ink">
        {a.job.crumb}
      </Link>
      {kind && <> / {a.jobs.kindsRunning[kind] ?? kind}</>}
    </>
  );
}

function Seeded({ detail }: { detail: JobDetail }) {
  const seed = useSeed(detail);
  return seed ? <Followed detail={detail} seed={seed} /> : <Skeleton lines={8} />;
}

function Followed({ detail, seed }: { detail: JobDetail; seed: JobLog }) {
  const { row: job, log, line } = useJob(detail, seed);
  return <JobView job={job ?? detail} log={log} line={line} />;
}

interface JobViewProps {
  job: JobDetail;
  log: JobLog;
  line: Line;
}

export function JobView({ job, log, line }: JobViewProps) {
  const compare = useCompare(job);
  const report = reportOf(log);
  const early = useQuery({ ...jobAlertsQuery(job.id, log.firstSeq), enabled: log.firstSeq > 0 });
  const alerts = useMemo(
    () => (job.kind === "train" ? alertsOf(log.points, [...(early.data ?? []), ...log.marks], job) : []),
    [early.data, job, log.points, log.marks],
  );
  const isCurved = job.kind === "train" || (log.points.length > 0 && !isArtifactTold(job));
  return (
    <>
      <StatusLine job={job} log={log} />
      <LineNotice line={line} />
      <Notices job={job} />
      <div className="grid grid-cols-[minmax(0,1fr)_300px] items-start gap-6 max-xl:grid-cols-1">
        <div className="flex min-w-0 flex-col gap-6">
          {report && (
            <Panel title={a.result.title}>
              <MeasuredTable card={report} />
            </Panel>
          )}
          {isArtifactTold(job) && <ArtifactPanel job={job} points={log.points} />}
          {isCurved && (
            <ChartPanel
              points={log.points}
              compared={compare.compared}
              alerts={alerts}
              isOver={isEnded(job)}
              onCompare={compare.open}
            />
          )}
          <LogPanel jobId={job.id} log={log} />
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          {job.kind !== "evaluate" && <CheckpointsPanel job={job} />}
          <EventsPanel job={job} log={log} />
        </div>
      </div>
      {compare.dialog}
    </>
  );
}

/** The other jobs' curves, chosen in the address. */
function useCompare(job: JobRow): { compared: Compared[]; open: () => void; dialog: ReactNode } {
  const search = useSearch({ strict: false }) as { compare?: string };
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const chosen = (search.compare ?? "").split(",").filter(Boolean);
  const compared = useQueries({
    queries: chosen.map((id) => jobMetricsQuery(id)),
    combine: (results) => results.map((result) => result.data),
  });
  const titles = useQueries({
    queries: chosen.map((id) => jobQuery(id)),
    combine: (results) => results.map((result) => result.data),
  });
  return {
    compared: chosen.flatMap((id, index) => {
      const [table, other] = [compared[index], titles[index]];
      return table ? [{ label: other ? jobTitle(other) : id, points: pointsOf(table) }] : [];
    }),
    open: () => setOpen(true),
    dialog: (
      <CompareDialog
        job={job}
        chosen={chosen}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onChange={(next) =>
          void navigate({
            to: "/admin/jobs/$jobId",
            params: { jobId: job.id },
            search: (next.length ? { compare: next.join(",") } : {}) as never,
            replace: true,
          })
        }
      />
    ),
  };
}

/** An evaluation's whole report, in the shape of a model card's table. */
function reportOf(log: JobLog): ModelCard | null {
  const found = log.marks.findLast((mark) => mark.event.type === "eval" && "families" in mark.event.result);
  return found?.event.type === "eval" ? (found.event.result as ModelCard) : null;
}

function LineNotice({ line }: { line: Line }) {
  const { line: words } = a.job;
  if (line.state === "reconnecting" && line.attempt > 1)
    return <p className="text-sm text-abstain">{words.reconnecting(line.attempt)}</p>;
  if (line.state === "refused") return <AlertLine>{words.refused}</AlertLine>;
  return null;
}

function Notices({ job }: { job: JobRow }) {
  const hint = stateHint(job);
  if (job.failure)
    return (
      <div role="alert" className="flex max-w-[80ch] flex-col gap-1 border-l-2 border-reject py-1 pl-4">
        <p className="font-medium">{a.job.failed[job.failure.cause] ?? a.job.failedAny}</p>
        <p className="break-words">{job.failure.message}</p>
        {job.failure.cure && (
          <p>
            <span className="font-medium">{a.job.cure}:</span> {job.failure.cure}
          </p>
        )}
      </div>
    );
  return (
    <>
      {job.unreachable_node_names.length > 0 && (
        <p role="status" className="border-l-2 border-abstain py-1 pl-4">
          {a.jobs.unreachable(job.unreachable_node_names)}
        </p>
      )}
      {hint && (
        <p className="max-w-[80ch] border-l-2 border-line-strong py-1 pl-4">
          {job.status === "queued" && <span className="font-medium">{a.job.waiting}: </span>}
          {hint}
        </p>
      )}
      {job.cloned_from && (
        <p className="text-sm text-soft">
          {a.job.clonedFrom}{" "}
          <Link to="/admin/jobs/$jobId" params={{ jobId: job.cloned_from }} className={TEXT_LINK}>
            {job.cloned_from}
          </Link>
        </p>
      )}
    </>
  );
}
