/**
 * The shapes of the operator's API that the pages read: the generated schema's, made exact where the schema can only
 * say "object" or "string" (specs, a node's own words), and whole where it calls optional what is always sent.
 */
import type { components } from "../api/schema.gen";
import type { JobSpec, NodeInfo, PreviewRow, RunEvent } from "../protocol.gen";
import type { LoggedEvent } from "./jobs/job_log";
import type { JsonSchema } from "./launch/schema_form";

type Schemas = components["schemas"];

// --- Jobs

export type JobStatus = Schemas["JobStatusEnum"];
export type JobKind = Schemas["KindEnum"];
export type JobRow = Omit<Schemas["Job"], "spec"> & { spec: JobSpec };
export type JobDetail = Omit<Schemas["JobDetail"], "spec" | "transitions"> & {
  spec: JobSpec;
  transitions: Transition[];
};
export type Attempt = Schemas["Attempt"];
export type Transition = Omit<Schemas["Transition"], "to_status"> & { to_status: JobStatus };
export type CheckpointRow = Schemas["JobCheckpoint"];
export type CheckpointRegistered = Schemas["JobCheckpointRegisterOutput"];
export type LogPage = Schemas["JobLog"];
export type JobEventsPage = Omit<Schemas["JobEvents"], "events"> & { events: LoggedEvent[] };
export type JobTerms = Pick<
  Schemas["JobListInput"],
  "name" | "priority" | "budget_nano_usd" | "retries_max" | "node_names"
>;

export type SpecPreset = Omit<Schemas["SpecPreset"], "kind"> & { kind: JobKind };
export interface SpecSchema {
  kinds: Record<JobKind, JsonSchema>;
  presets: SpecPreset[];
}

export type JobPlan = Schemas["JobPlan"];
export type JobPreview = Omit<Schemas["JobPreview"], "rows"> & { rows: PreviewRow[] };

export type ScheduleRow = Omit<Schemas["Schedule"], "spec" | "last_job"> & {
  spec: JobSpec;
  last_job: { id: string; status: JobStatus; created_at: string } | null;
};
export type DataFileRow = Schemas["DataFile"];
export type DataFileStored = Schemas["DataFileStored"];

// --- Model registry

export type Report = Required<Schemas["Report"]>;
export type VersionRow = Omit<Schemas["Model"], "staff"> & {
  staff?: Omit<Schemas["StaffFields"], "reports" | "lineage"> & {
    reports: Report[];
    lineage: Required<Schemas["Lineage"]>;
  };
};
export type Gate = Schemas["Gate"];
export type Gates = Omit<Required<Schemas["Gates"]>, "candidate_report" | "serving_report"> & {
  candidate_report: Report | null;
  serving_report: Report | null;
};
export type AliasRow = Schemas["Alias"];
export type PromotionRow = Required<Schemas["Promotion"]>;
export type ShareRow = Schemas["Share"];
export type ComparedRow = Schemas["Compared"];
export type SampleAnswer = Omit<Schemas["SampleAnswer"], "trace"> & { trace: RunEvent[] | null };
export type SamplePair = Omit<Schemas["SamplePair"], "a" | "b"> & { a: SampleAnswer; b: SampleAnswer };
export type SamplesPage = Omit<Schemas["Samples"], "samples"> & { samples: SamplePair[] };
export type DeploymentRow = Required<Schemas["Deployment"]>;
export type Comparison = Omit<Schemas["Comparison"], "a" | "b"> & { a: Report; b: Report };

// --- Nodes

export type NodeState = Schemas["NodeStateEnum"];
export type NodeRow = Omit<Schemas["Node"], "info" | "running_jobs"> & {
  info: NodeInfo | null;
  running_jobs: (Omit<Schemas["NodeJob"], "status"> & { status: JobStatus })[];
};
export type NodeStartLines = Schemas["NodeStartLines"];
