/** The fleet: every node, and adding one. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { meQuery, queryClient } from "../../api/queries";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Empty, ErrorNotice, errorWords, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { nodeRemove, nodesQuery } from "../api";
import { useFleet } from "../fleet_live";
import { AddNodeForm } from "../nodes/AddNodeForm";
import { NodeCard } from "../nodes/NodeCard";
import { a } from "../strings";

export function NodesPage() {
  const [isAdding, setAdding] = useState(false);
  return (
    <AdminFrame
      title={a.nodes.title}
      hint={a.nodes.hint}
      action={
        <Button look="accent" onClick={() => setAdding(true)}>
          {a.nodes.add}
        </Button>
      }
    >
      <NodeList onAdd={() => setAdding(true)} />
      <Dialog title={a.nodes.add} isOpen={isAdding} onClose={() => setAdding(false)}>
        <AddNodeForm onClose={() => setAdding(false)} />
      </Dialog>
    </AdminFrame>
  );
}

function NodeList({ onAdd }: { onAdd: () => void }) {
  useFleet();
  const nodes = useQuery(nodesQuery);
  const { data: me } = useQuery(meQuery);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <>
      {nodes.isPending && <Skeleton lines={8} />}
      {nodes.isError && <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
      {nodes.isSuccess && nodes.data.length === 0 && (
        <Empty action={<Button onClick={onAdd}>{a.nodes.add}</Button>}>{a.nodes.empty}</Empty>
      )}
      {(nodes.data ?? []).map((node) => (
        <NodeCard
          key={node.name}
          node={node}
          nanoUsdPerToken={me?.price_nano_usd_per_token ?? 0}
          onRemove={() => setRemoving(node.name)}
        />
      ))}
      <Dialog
        title={a.nodes.removeTitle(removing ?? "")}
        isOpen={removing !== null}
        onClose={() => setRemoving(null)}
      >
        {removing && <RemoveForm key={removing} name={removing} onClose={() => setRemoving(null)} />}
      </Dialog>
    </>
  );
}

function RemoveForm({ name, onClose }: { name: string; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: nodeRemove,
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["nodes"] });
      onClose();
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
