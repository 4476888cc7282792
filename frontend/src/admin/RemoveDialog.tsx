/** Asks back before something is deleted that cannot be brought back by one click. */
import { useMutation } from "@tanstack/react-query";
import { queryClient } from "../api/queries";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { ErrorNotice } from "../ui/Notice";

interface RemoveProps {
  title: string;
  hint: string;
  verb: string;
  isOpen: boolean;
  onClose: () => void;
  onRemove: () => Promise<unknown>;
  /** The query that lists what was deleted. */
  refresh: string[];
}

export function RemoveDialog(props: RemoveProps) {
  return (
    <Dialog title={props.title} isOpen={props.isOpen} onClose={props.onClose}>
      <Asked {...props} />
    </Dialog>
  );
}

/** Lives while the dialog is open, so that the last one's error is not shown for the next. */
function Asked({ title, hint, verb, onClose, onRemove, refresh }: RemoveProps) {
  const remove = useMutation({
    mutationFn: onRemove,
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: refresh });
      onClose();
    },
  });
  return (
    <div className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium break-words">{title}</h2>
        <p className="text-soft">{hint}</p>
      </div>
      {remove.isError && <ErrorNotice error={remove.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
          {verb}
        </Button>
      </div>
    </div>
  );
}
