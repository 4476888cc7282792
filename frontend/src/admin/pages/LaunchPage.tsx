/** Launching a job: a preset or a clone, the settings out of the spec's schema, a preflight, then the queue. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { queryClient } from "../../api/queries";
import { idMake } from "../../format/ids";
import { money } from "../../format/numbers";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Chips } from "../../ui/Chips";
import { Dialog } from "../../ui/Dialog";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { useSettled } from "../../ui/use_settled";
import { AdminFrame } from "../AdminFrame";
import { jobLaunch, jobQuery, nodesQuery, planQuery, specSchemaQuery, versionsQuery } from "../api";
import type { JobDetail, JobKind, JobPlan, SpecSchema } from "../api_types";
import { jobTitle } from "../jobs/job_words";
import { FilePicker } from "../launch/FilePicker";
import { FILE_PATH, fieldsMeant, fieldsOrdered, isOfFile } from "../launch/field_rules";
import {
  begunWith,
  CONFIRM_NANO_USD,
  dataOf,
  kindsOf,
  type LaunchSearch,
  specFirst,
  termsFirst,
  termsRead,
} from "../launch/launch_state";
import { PlanPanel } from "../launch/PlanPanel";
import { PreviewPanel } from "../launch/PreviewPanel";
import { SpecForm } from "../launch/SpecForm";
import { formFields, formRead, formValues, type Spec } from "../launch/schema_form";
import { TermsPanel } from "../launch/TermsPanel";
import { RepeatForm } from "../schedules/RepeatForm";
import { a } from "../strings";

const SETTLE_MS = 500;

export function LaunchPage() {
  const search = useSearch({ strict: false }) as LaunchSearch;
  const schema = useQuery(specSchemaQuery);
  const clone = useQuery({ ...jobQuery(search.clone ?? ""), enabled: Boolean(search.clone) });
  const title = clone.data ? a.launch.cloneTitle(jobTitle(clone.data)) : a.launch.title;
  const isReady = schema.data && (!search.clone || clone.data);
  const kinds = schema.data ? kindsOf(schema.data) : [];
  const kind = kinds.find((one) => one === search.kind) ?? clone.data?.kind ?? "train";
  const failed = schema.isError ? schema : clone.isError ? clone : null;
  return (
    <AdminFrame
      title={title}
      crumb={
        <Link to="/admin/jobs" className="hover:text-ink">
          {a.job.crumb}
        </Link>
      }
    >
      {failed && <ErrorNotice error={failed.error} onRetry={() => void failed.refetch()} />}
      {!failed && !isReady && <Skeleton lines={8} />}
      {schema.data && isReady && (
        <>
          <Beginnings schema={schema.data} kind={kind} search={search} />
          <LaunchForm
            key={JSON.stringify(search)}
            schema={schema.data}
            kind={kind}
            search={search}
            clone={clone.data ?? null}
          />
        </>
      )}
    </AdminFrame>
  );
}

function Beginnings({ schema, kind, search }: { schema: SpecSchema; kind: JobKind; search: LaunchSearch }) {
  const navigate = useNavigate();
  const go = (next: LaunchSearch) =>
    void navigate({ to: "/admin/jobs/new", search: next as never, replace: true });
  const presets = schema.presets.filter((preset) => preset.kind === kind);
  const chosen = presets.find((preset) => preset.name === search.preset);
  return (
    <div className="flex flex-col gap-3">
      {!search.clone && (
        <Chips
          label={a.launch.kind}
          value={kind}
          options={kindsOf(schema).map((value) => ({ value, label: a.jobs.kinds[value] ?? value }))}
          onChange={(value) => go(begunWith(search, value))}
        />
      )}
      {presets.length > 0 && (
        <div className="flex flex-wrap items-baseline gap-3">
          <span className="text-sm text-soft">{a.launch.presets}</span>
          <Chips
            label={a.launch.presets}
            value={search.preset ?? ""}
            options={presets.map((preset) => ({ value: preset.name, label: preset.name }))}
            onChange={(preset) => go(begunWith(search, kind, preset))}
          />
        </div>
      )}
      {chosen && <p className="max-w-[70ch] text-soft">{chosen.description}</p>}
    </div>
  );
}

interface LaunchFormProps {
  schema: SpecSchema;
  kind: JobKind;
  search: LaunchSearch;
  clone: JobDetail | null;
}

function LaunchForm({ schema, kind, search, clone }: LaunchFormProps) {
  const navigate = useNavigate();
  const fields = useMemo(() => fieldsOrdered(kind, formFields(schema.kinds[kind])), [schema, kind]);
  const [values, setValues] = useState(() => formValues(fields, specFirst(search, kind, schema, clone)));
  const [typed, setTyped] = useState(() => termsFirst(search, clone));
  const [jobId] = useState(() => idMake("job")); // a second click makes no second job
  const [isAsking, setAsking] = useState(false);
  const [isRepeating, setRepeating] = useState(false);
  const nodes = useQuery(nodesQuery);
  const versions = useQuery(versionsQuery);
  const { spec, errors } = formRead(kind, fieldsMeant(kind, fields, values), values);
  const { terms, errors: termsErrors } = termsRead(typed);
  const numErrors = Object.keys(errors).length + Object.keys(termsErrors).length;
  const asked = useSettled(Object.keys(errors).length ? null : spec, SETTLE_MS);
  const nodeName = typed.nodes[0] ?? "";
  const plan = useQuery(planQuery(asked, nodeName));
  const launch = useMutation({
    mutationFn: () => jobLaunch(jobId, spec, terms),
    onSuccess: async (job) => {
      void queryClient.invalidateQueries({ queryKey: ["jobs"] });
      await navigate({ to: "/admin/jobs/$jobId", params: { jobId: job.id } });
    },
  });
  const cloned = clone?.kind === kind ? formValues(fields, clone.spec as unknown as Spec) : null;
  const submit = () => (isDear(plan.data) && !isAsking ? setAsking(true) : launch.mutate());
  return (
    <>
      <form
        className="grid grid-cols-[minmax(0,1fr)_400px] items-start gap-6 max-xl:grid-cols-1"
        onSubmit={(event) => {
          event.preventDefault();
          if (numErrors === 0 && !launch.isPending) submit();
        }}
      >
        <div className="flex min-w-0 flex-col gap-6">
          <SpecForm
            {...{ kind, fields, values, errors, cloned }}
            suggestions={(versions.data ?? []).map((version) => version.id)}
            onChange={setValues}
          />
          {isOfFile(kind, values) && (
            <FilePicker
              value={String(values[FILE_PATH] ?? "")}
              onChange={(file, numRows) =>
                setValues({
                  ...values,
                  [FILE_PATH]: file,
                  ...(numRows === null || kind === "evaluate" ? {} : { "data.num_rows": String(numRows) }),
                })
              }
            />
          )}
          <TermsPanel
            typed={typed}
            errors={termsErrors}
            nodeNames={(nodes.data ?? []).map((node) => node.name)}
            onChange={setTyped}
          />
          {asked && dataOf(asked) && <PreviewPanel spec={asked} nodeName={nodeName} />}
        </div>
        <div className="sticky top-6 flex min-w-0 flex-col gap-4 max-xl:static">
          <PlanPanel
            plan={plan.data}
            error={plan.error}
            isAsking={plan.isFetching}
            hasErrors={Object.keys(errors).length > 0}
            onRetry={() => void plan.refetch()}
          />
          {plan.data && !plan.data.is_ok && <p className="text-sm text-reject">{a.launch.refusedPlan}</p>}
          {launch.isError && <ErrorNotice error={launch.error} />}
          {numErrors > 0 && <p className="text-sm text-reject">{a.launch.badFields(numErrors)}</p>}
          <Button look="accent" type="submit" disabled={numErrors > 0 || launch.isPending}>
            {launch.isPending ? a.launch.submitting : a.launch.submit}
          </Button>
          <Button disabled={numErrors > 0} onClick={() => setRepeating(true)}>
            {a.schedules.repeat}
          </Button>
        </div>
        <CostDialog plan={plan.data} isOpen={isAsking} onClose={() => setAsking(false)} onGo={submit} />
      </form>
      <Dialog title={a.schedules.repeatTitle} isOpen={isRepeating} onClose={() => setRepeating(false)}>
        <RepeatForm
          spec={spec}
          terms={terms}
          onClose={() => setRepeating(false)}
          onMade={() => void navigate({ to: "/admin/schedules" })}
        />
      </Dialog>
    </>
  );
}

const isDear = (plan: JobPlan | undefined) => (plan?.cost_nano_usd_estimated ?? 0) > CONFIRM_NANO_USD;

interface CostDialogProps {
  plan: JobPlan | undefined;
  isOpen: boolean;
  onClose: () => void;
  onGo: () => void;
}

function CostDialog({ plan, isOpen, onClose, onGo }: CostDialogProps) {
  const title = a.launch.confirmTitle(money(plan?.cost_nano_usd_estimated ?? 0));
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <h2 className="font-serif text-lg font-medium">{title}</h2>
      <p className="mt-1 text-soft">{a.launch.confirmHint}</p>
      <div className="mt-6 flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button
          look="accent"
          onClick={() => {
            onClose();
            onGo();
          }}
        >
          {a.launch.submit}
        </Button>
      </div>
    </Dialog>
  );
}
