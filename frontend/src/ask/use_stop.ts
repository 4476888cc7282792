/** Stop a run by the button or by Esc. The run's own frames say that it has stopped; this only asks. */
import { useMutation } from "@tanstack/react-query";
import { runCancel } from "../api/queries";
import { useHotkeys } from "../ui/use_hotkeys";

export function useStop(runId: string | null, isRunning: boolean): { stop: () => void; isStopping: boolean } {
  const cancel = useMutation({ mutationFn: runCancel });
  const stop = () => {
    if (runId && isRunning && !cancel.isPending) cancel.mutate(runId);
  };
  useHotkeys({ Escape: stop });
  return {
    stop,
    isStopping: isRunning && (cancel.isPending || (cancel.isSuccess && cancel.variables === runId)),
  };
}
