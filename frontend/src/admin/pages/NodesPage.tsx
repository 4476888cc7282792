/** The fleet: every node, and adding one. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { meQuery } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { nodesQuery } from "../api";
import { useFleet } from "../fleet_live";
import { AddNodeForm } from "../nodes/AddNodeForm";
import { NodeCard } from "../nodes/NodeCard";
import { RemoveNodeDialog } from "../nodes/RemoveNodeDialog";
import { a } from "../strings";
import { useEmptyTold } from "../use_empty_told";

export function NodesPage() {
  const [isAdding, setAdding] = useState(false);
  const [isEmpty, setEmpty] = useState(true);
  return (
    <AdminFrame
      title={a.nodes.title}
      hint={a.nodes.hint}
      action={
        !isEmpty && (
          <Button look="accent" onClick={() => setAdding(true)}>
            {a.nodes.add}
          </Button>
        )
      }
    >
      <NodeList onEmpty={setEmpty} onAdd={() => setAdding(true)} />
      <Dialog title={a.nodes.add} isOpen={isAdding} onClose={() => setAdding(false)}>
        <AddNodeForm onClose={() => setAdding(false)} />
      </Dialog>
    </AdminFrame>
  );
}

interface NodeListProps {
  onEmpty: (isEmpty: boolean) => void;
  onAdd: () => void;
}

function NodeList({ onEmpty, onAdd }: NodeListProps) {
  useFleet();
  const nodes = useQuery(nodesQuery);
  useEmptyTold(nodes.data, onEmpty);
  const { data: me } = useQuery(meQuery);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <>
      {nodes.isPending && <Skeleton lines={8} />}
      {nodes.isError && <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
      {nodes.isSuccess && nodes.data.length === 0 && (
        <Empty
          action={
            <Button look="accent" onClick={onAdd}>
              {a.nodes.add}
            </Button>
          }
        >
          {a.nodes.empty}
        </Empty>
      )}
      {(nodes.data ?? []).map((node) => (
        <NodeCard
          key={node.name}
          node={node}
          nanoUsdPerToken={me?.price_nano_usd_per_token ?? 0}
          onRemove={() => setRemoving(node.name)}
        />
      ))}
      <RemoveNodeDialog name={removing} onClose={() => setRemoving(null)} />
    </>
  );
}
