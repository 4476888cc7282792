/** What a job left: each checkpoint with its state and what can be done with it. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { queryClient } from "../../api/queries";
import { bytes } from "../../format/bytes";
import { count } from "../../format/numbers";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { ErrorNotice, errorWords, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { TableHead } from "../../ui/TableHead";
import { checkpointRegister, checkpointsQuery } from "../api";
import type { CheckpointRow, JobRow } from "../api_types";
import { valueWords } from "../charts/series";
import { TEXT_LINK } from "../links";
import { a } from "../strings";

export function CheckpointsPanel({ job }: { job: JobRow }) {
  const checkpoints = useQuery(checkpointsQuery(job.id));
  const [registering, setRegistering] = useState<CheckpointRow | null>(null);
  const rows = [...(checkpoints.data ?? [])].reverse();
  return (
    <Panel title={a.checkpoints.title}>
      {checkpoints.isPending && <Skeleton />}
      {checkpoints.isError && (
        <ErrorNotice error={checkpoints.error} onRetry={() => void checkpoints.refetch()} />
      )}
      {checkpoints.isSuccess && rows.length === 0 && <p className="text-soft">{a.checkpoints.empty}</p>}
      {rows.length > 0 && <CheckpointTable job={job} rows={rows} onRegister={(row) => setRegistering(row)} />}
      <Dialog
        title={a.checkpoints.registerTitle(registering?.step ?? 0)}
        isOpen={registering !== null}
        onClose={() => setRegistering(null)}
      >
        {registering && (
          <RegisterForm jobId={job.id} checkpoint={registering} onClose={() => setRegistering(null)} />
        )}
      </Dialog>
    </Panel>
  );
}

interface TableProps {
  job: JobRow;
  rows: CheckpointRow[];
  onRegister: (row: CheckpointRow) => void;
}

export function CheckpointTable({ job, rows, onRegister }: TableProps) {
  const { columns } = a.checkpoints;
  return (
    <section aria-label={a.checkpoints.title} tabIndex={0} className="scrolls max-h-[420px] overflow-y-auto">
      <table className="figures w-full text-right text-sm">
        <TableHead
          columns={[{ label: columns.step, align: "left" }, columns.loss, columns.size, columns.state]}
          gap="before"
        />
        <tbody>
          {rows.map((row) => (
            <Row key={`${row.step} ${row.epoch}`} job={job} row={row} onRegister={() => onRegister(row)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ job, row, onRegister }: { job: JobRow; row: CheckpointRow; onRegister: () => void }) {
  const loss = row.values.validation_loss ?? row.values.loss;
  const isWeights = job.kind !== "generate" && job.kind !== "evaluate";
  const keep = row.keep_reasons.map((reason) => a.checkpoints.keep[reason] ?? reason).join(", ");
  return (
    <>
      <tr title={a.checkpoints.hash(row.manifest_sha256)}>
        <td className="pt-2 text-left font-medium">{count(row.step)}</td>
        <td className="pt-2 pl-4">{loss === undefined ? "" : valueWords(loss)}</td>
        <td className="pt-2 pl-4 whitespace-nowrap">{bytes(row.num_bytes)}</td>
        <td className="pt-2 pl-4">
          <span className={row.state === "refused" ? "text-reject" : ""} title={row.refused_reason}>
            {a.checkpoints.states[row.state]}
          </span>
          {keep && <span className="text-soft">, {keep}</span>}
        </td>
      </tr>
      <tr className="border-b border-line">
        <td colSpan={4} className="pb-2 text-left">
          {row.state === "refused" && <p className="text-soft">{row.refused_reason}</p>}
          {row.state === "committed" && isWeights && (
            <span className="flex flex-wrap gap-x-4">
              <Link
                to="/admin/jobs/new"
                search={{ kind: "evaluate", model: row.ref } as never}
                className={`${ACTION} ${TEXT_LINK}`}
              >
                {a.checkpoints.evaluate}
              </Link>
              <button type="button" onClick={onRegister} className={`${ACTION} ${TEXT_LINK}`}>
                {a.checkpoints.register}
              </button>
              {job.kind === "train" && (
                <Link
                  to="/admin/jobs/new"
                  search={{ clone: job.id, parent: row.ref } as never}
                  className={`${ACTION} ${TEXT_LINK}`}
                >
                  {a.checkpoints.resumeFrom}
                </Link>
              )}
            </span>
          )}
        </td>
      </tr>
    </>
  );
}

const ACTION = "inline-flex min-h-7 items-center text-soft max-md:min-h-11";
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

interface RegisterProps {
  jobId: string;
  checkpoint: CheckpointRow;
  onClose: () => void;
}

function RegisterForm({ jobId, checkpoint, onClose }: RegisterProps) {
  const [name, setName] = useState("");
  const register = useMutation({
    mutationFn: () => checkpointRegister(jobId, checkpoint.step, name.trim()),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["versions"] }),
  });
  const isBad = name.trim() !== "" && !NAME.test(name.trim());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isBad && name.trim() && !register.isPending) register.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{a.checkpoints.registerTitle(checkpoint.step)}</h2>
        <p className="text-soft">{a.checkpoints.registerHint}</p>
      </div>
      {register.isSuccess ? (
        <p role="status">{a.checkpoints.registered(register.data.name)}</p>
      ) : (
        <Field
          label={a.checkpoints.name}
          name="version"
          autoFocus
          autoComplete="off"
          hint={a.checkpoints.nameHint}
          value={name}
          onChange={(event) => setName(event.target.value)}
          error={isBad ? a.checkpoints.nameBad : register.isError ? errorWords(register.error) : null}
        />
      )}
      <div className="flex justify-end gap-2">
        {register.isSuccess ? (
          <>
            <Link to="/admin/models" className="inline-flex min-h-9 items-center px-3 text-sm">
              {a.models.title}
            </Link>
            <Button look="accent" onClick={onClose}>
              {t.common.done}
            </Button>
          </>
        ) : (
          <>
            <Button onClick={onClose}>{t.common.cancel}</Button>
            <Button look="accent" type="submit" disabled={isBad || !name.trim() || register.isPending}>
              {a.checkpoints.register}
            </Button>
          </>
        )}
      </div>
    </form>
  );
}
