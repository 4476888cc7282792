import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { runQuery } from "../api/queries";
import { type Draft, draftOf, draftWrite } from "../ask/draft";
import { RunColumns } from "../ask/RunColumns";
import { useStop } from "../ask/use_stop";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { ErrorNotice, Skeleton } from "../ui/Notice";
import { useTitle } from "../ui/PageFrame";

/** One run by its id, whoever asked it: what Usage and the API's run ids lead to. */
export function RunPage() {
  const { runId = "" } = useParams({ strict: false });
  const navigate = useNavigate();
  const run = useQuery(runQuery(runId));
  const [isRunning, setRunning] = useState(false);
  const stop = useStop(runId, isRunning);
  useTitle(run.data?.question ?? t.titles.run);
  const ask = (draft: Draft) => {
    draftWrite(draft);
    void navigate({ to: "/" });
  };
  return (
    <div className="mx-auto w-full max-w-[1200px] px-13 pt-8 pb-16 max-lg:px-8 max-md:px-4 max-md:pt-5">
      {run.isPending && <Skeleton />}
      {run.isError && <ErrorNotice error={run.error} onRetry={() => void run.refetch()} />}
      {run.data && (
        <RunColumns
          key={run.data.id}
          run={run.data}
          onRunning={setRunning}
          onEdit={(run) => ask(draftOf(run))}
          onSearch={(run) => ask({ ...draftOf(run), search: { ...run.search, strategy: "auto" } })}
        />
      )}
      {isRunning && (
        <Button className="mt-6 ml-9" onClick={stop.stop} disabled={stop.isStopping}>
          {stop.isStopping ? t.ask.stopping : t.ask.stop}
        </Button>
      )}
    </div>
  );
}
