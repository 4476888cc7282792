/** The operator's pieces in their states, without a server: for designers and for screenshot tests. */
import type { ReactNode } from "react";
import { SUITE_CARD } from "../../dev/sample_reports";
import { SuiteTable } from "../../models/SuiteTable";
import { Panel } from "../../ui/Panel";
import { alertsOf } from "../charts/alerts";
import { ChartPanel } from "../charts/ChartPanel";
import { FileTable } from "../files/FileTable";
import { FormatTable } from "../jobs/ArtifactPanel";
import { CheckpointTable } from "../jobs/CheckpointsPanel";
import { JobTable } from "../jobs/JobTable";
import { EMPTY_LOG, type JobLog, type LogLine } from "../jobs/job_log";
import { LogPanel } from "../jobs/LogPanel";
import { StatusLine } from "../jobs/StatusLine";
import { PlanFacts } from "../launch/PlanPanel";
import { PreviewRows } from "../launch/PreviewPanel";
import { GateList } from "../models/GateList";
import { NodeCard } from "../nodes/NodeCard";
import {
  ATTEMPT_LOST,
  checkpointOf,
  FILES,
  GATES,
  jobOf,
  MARKS_ODD,
  nodeOf,
  PLAN,
  POINTS,
  POINTS_ODD,
  PREVIEW,
  SCHEDULES,
} from "../sample_jobs";
import { ScheduleTable } from "../schedules/ScheduleTable";
import { a } from "../strings";

const line = (seq: number, level: LogLine["level"], text: string): LogLine => ({
  seq,
  epoch: 1,
  atMs: Date.UTC(2026, 10, 25, 14, 1, seq),
  level,
  rank: 0,
  text,
});

const LOG: JobLog = {
  ...EMPTY_LOG,
  lastSeq: 9,
  points: POINTS,
  lines: [
    line(7, "info", "step 6100  loss 0.421  lr 1.2e-4  grad 0.61  6,912 tok/s"),
    line(8, "warning", "gradient norm 3.1, above the last 1,000 steps' range; clipped to 1.0"),
    line(9, "error", "CUDA out of memory"),
  ],
};

const ALERTS = alertsOf(POINTS_ODD, MARKS_ODD, jobOf({ attempts: [ATTEMPT_LOST] }));

const JOBS = [
  jobOf(),
  jobOf({
    id: "job_queued",
    status: "queued",
    name: "verifier, round 3",
    queue_position: 1,
    waiting_reason: "every node that takes jobs is full",
    can: ["clone", "cancel"],
    step: 0,
    values: {},
  }),
  jobOf({
    id: "job_failed",
    status: "failed",
    name: "too large",
    failure: { cause: "out_of_memory", message: "The step needs 71 GB, the device has 45 GB.", cure: "" },
    can: ["clone", "requeue"],
  }),
];

const FORMATS = [
  { format: "bfloat16", numBytes: 269_000_000, shareRight: 0.41, tokensPerSecond: 21.4 },
  { format: "int4", numBytes: 82_300_000, shareRight: 0.39, tokensPerSecond: 17.9 },
];

export function AdminStates() {
  return (
    <>
      <State name="Jobs: running, queued with its reason, failed">
        <JobTable jobs={JOBS} />
      </State>
      <State name="A job's line, curves and log">
        <StatusLine job={jobOf()} log={LOG} />
        <ChartPanel points={POINTS_ODD} compared={[]} alerts={ALERTS} onCompare={null} />
        <LogPanel jobId="job_sample" log={LOG} />
      </State>
      <State name="Nothing yet">
        <ChartPanel points={[]} compared={[]} alerts={[]} onCompare={null} />
        <LogPanel jobId="job_sample" log={EMPTY_LOG} />
      </State>
      <State name="Checkpoints">
        <CheckpointTable
          job={jobOf()}
          rows={[
            checkpointOf({ step: 75, state: "uploading", keep_reasons: [] }),
            checkpointOf(),
            checkpointOf({
              step: 25,
              state: "refused",
              refused_reason: "a piece has another hash",
              keep_reasons: [],
            }),
          ]}
          onRegister={() => undefined}
        />
      </State>
      <State name="Preflight that fits, and one that does not">
        <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
          <Panel title={a.launch.preflight}>
            <PlanFacts plan={PLAN} />
          </Panel>
          <Panel title={a.launch.preflight}>
            <PlanFacts plan={{ ...PLAN, memory_available_bytes: 24_000_000_000, is_ok: false }} />
          </Panel>
        </div>
        <PreviewRows rows={PREVIEW} />
      </State>
      <State name="Schedules: one that starts each night, one paused that could make no job">
        <ScheduleTable
          rows={SCHEDULES}
          isBusy={false}
          onEnable={() => undefined}
          onRemove={() => undefined}
        />
      </State>
      <State name="Data files: one that was looked through, one too large for it">
        <FileTable rows={FILES} onRemove={() => undefined} />
      </State>
      <State name="A quantisation, before and after">
        <FormatTable formats={FORMATS} />
      </State>
      <State name="Suites, several samples a problem">
        <SuiteTable card={SUITE_CARD} />
      </State>
      <State name="Gates: green, a warning, red">
        <GateList gates={GATES} />
      </State>
      <State name="Nodes: ready, lost">
        <NodeCard node={nodeOf()} nanoUsdPerToken={3_000} onRemove={() => undefined} />
        <NodeCard
          node={nodeOf({
            name: "a100-2",
            state: "lost",
            probe_error: "did not answer for 60 s",
            running_jobs: [],
          })}
          nanoUsdPerToken={3_000}
          onRemove={() => undefined}
        />
      </State>
    </>
  );
}

function State({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section aria-label={name} className="flex flex-col gap-4 border-t border-line pt-6">
      <p className="text-sm text-soft">{name}</p>
      {children}
    </section>
  );
}
