/** Removing a node: typed by name, because its secret is forgotten with it. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { queryClient } from "../../api/queries";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { errorWords } from "../../ui/Notice";
import { nodeRemove } from "../api";
import { a } from "../strings";

interface RemoveProps {
  /** Null: closed. */
  name: string | null;
  onClose: () => void;
  onRemoved?: () => void;
}

export function RemoveNodeDialog({ name, onClose, onRemoved }: RemoveProps) {
  return (
    <Dialog title={a.nodes.removeTitle(name ?? "")} isOpen={name !== null} onClose={onClose}>
      {name && <RemoveForm key={name} name={name} onClose={onClose} onRemoved={onRemoved ?? onClose} />}
    </Dialog>
  );
}

function RemoveForm({
  name,
  onClose,
  onRemoved,
}: {
  name: string;
  onClose: () => void;
  onRemoved: () => void;
}) {
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: nodeRemove,
    onSuccess: async () => {
      onRemoved();
      await queryClient.invalidateQueries({ queryKey: ["nodes"] });
    },
  });
  const isSame = typed.trim() === name;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isSame && !remove.isPending) remove.mutate(name);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{a.nodes.removeTitle(name)}</h2>
        <p className="text-soft">{a.nodes.removeHint}</p>
      </div>
      <Field
        label={a.nodes.removeType(name)}
        autoFocus
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        error={remove.isError ? errorWords(remove.error) : null}
      />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="danger" type="submit" disabled={!isSame || remove.isPending}>
          {a.nodes.remove}
        </Button>
      </div>
    </form>
  );
}
