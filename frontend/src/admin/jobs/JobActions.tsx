/** What can be asked of a job now. Stopping asks back, once; everything else can be undone by its opposite. */
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { queryClient } from "../../api/queries";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { AlertLine, errorWords } from "../../ui/Notice";
import { jobAct } from "../api";
import type { JobRow } from "../api_types";
import { PLAIN_LINK } from "../links";
import { a } from "../strings";

type Verb = "cancel" | "pause" | "resume" | "requeue";

export function JobActions({ job, onRequeued }: { job: JobRow; onRequeued: () => void }) {
  const [isStopping, setStopping] = useState(false);
  const act = useMutation({
    mutationFn: ({ verb, reason }: { verb: Verb; reason?: string }) => jobAct(job.id, verb, reason),
    onSuccess: async (_, { verb }) => {
      setStopping(false);
      await queryClient.invalidateQueries({ queryKey: ["job", job.id] });
      void queryClient.invalidateQueries({ queryKey: ["jobs"] });
      if (verb === "requeue") onRequeued();
    },
  });
  const can = (verb: Verb) => job.can.includes(verb);
  return (
    <div className="flex flex-col items-end gap-1 max-md:items-start">
      <div className="flex flex-wrap gap-2">
        <Link to="/admin/jobs/new" search={{ clone: job.id } as never} className={PLAIN_LINK}>
          {a.job.clone}
        </Link>
        {(["pause", "resume", "requeue"] as const).filter(can).map((verb) => (
          <Button key={verb} disabled={act.isPending} onClick={() => act.mutate({ verb })}>
            {a.job[verb]}
          </Button>
        ))}
        {can("cancel") && (
          <Button
            onClick={() => (job.status === "queued" ? act.mutate({ verb: "cancel" }) : setStopping(true))}
          >
            {job.status === "queued" ? a.job.cancelQueued : a.job.cancel}
          </Button>
        )}
      </div>
      {act.isError && !isStopping && <AlertLine>{errorWords(act.error)}</AlertLine>}
      <Dialog title={a.job.cancelTitle} isOpen={isStopping} onClose={() => setStopping(false)}>
        <StopForm
          error={act.isError ? errorWords(act.error) : null}
          isPending={act.isPending}
          onStop={(reason) => act.mutate({ verb: "cancel", reason })}
          onClose={() => setStopping(false)}
        />
      </Dialog>
    </div>
  );
}

interface StopProps {
  error: string | null;
  isPending: boolean;
  onStop: (reason: string) => void;
  onClose: () => void;
}

function StopForm({ error, isPending, onStop, onClose }: StopProps) {
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isPending) onStop(reason.trim());
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{a.job.cancelTitle}</h2>
        <p className="text-soft">{a.job.cancelHint}</p>
      </div>
      <Field
        label={a.job.reason}
        hint={a.job.reasonHint}
        error={error}
        value={reason}
        maxLength={500}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="danger" type="submit" disabled={isPending}>
          {a.job.cancel}
        </Button>
      </div>
    </form>
  );
}
