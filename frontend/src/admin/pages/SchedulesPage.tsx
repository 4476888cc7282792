/** Jobs that start by themselves: when each started last and starts next, pausing and deleting. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { queryClient } from "../../api/queries";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { scheduleEnable, scheduleRemove, schedulesQuery } from "../api";
import type { ScheduleRow } from "../api_types";
import { BUTTON_LINK } from "../links";
import { RemoveDialog } from "../RemoveDialog";
import { ScheduleTable } from "../schedules/ScheduleTable";
import { a } from "../strings";
import { useEmptyTold } from "../use_empty_told";

export function SchedulesPage() {
  const [isEmpty, setEmpty] = useState(true);
  return (
    <AdminFrame title={a.schedules.title} hint={a.schedules.hint} action={!isEmpty && <MakeLink />}>
      <Schedules onEmpty={setEmpty} />
    </AdminFrame>
  );
}

const MakeLink = () => (
  <Link to="/admin/jobs/new" className={BUTTON_LINK}>
    {a.schedules.make}
  </Link>
);

function Schedules({ onEmpty }: { onEmpty: (isEmpty: boolean) => void }) {
  const schedules = useQuery(schedulesQuery);
  useEmptyTold(schedules.data, onEmpty);
  const [removing, setRemoving] = useState<ScheduleRow | null>(null);
  const enable = useMutation({
    mutationFn: ({ id, isEnabled }: { id: string; isEnabled: boolean }) => scheduleEnable(id, isEnabled),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["schedules"] }),
  });
  return (
    <>
      {schedules.isPending && <Skeleton lines={6} />}
      {schedules.isError && <ErrorNotice error={schedules.error} onRetry={() => void schedules.refetch()} />}
      {enable.isError && <ErrorNotice error={enable.error} />}
      {schedules.data?.length === 0 && <Empty action={<MakeLink />}>{a.schedules.empty}</Empty>}
      {schedules.data && schedules.data.length > 0 && (
        <ScheduleTable
          rows={schedules.data}
          isBusy={enable.isPending}
          onEnable={(row, isEnabled) => enable.mutate({ id: row.id, isEnabled })}
          onRemove={setRemoving}
        />
      )}
      <RemoveDialog
        title={a.schedules.removeTitle(removing?.name ?? "")}
        hint={a.schedules.removeHint}
        verb={a.schedules.remove}
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
        onRemove={() => scheduleRemove(removing?.id ?? "")}
        refresh={["schedules"]}
      />
    </>
  );
}
