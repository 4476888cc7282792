/** One node: how it stands, what it costs and is meant for, which versions it holds, what runs on it. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { meQuery } from "../../api/queries";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { AdminFrame } from "../AdminFrame";
import { nodeQuery } from "../api";
import type { NodeRow } from "../api_types";
import { NodeFacts, NodeTrouble, NodeVerbs } from "../nodes/NodeCard";
import { NodeModels } from "../nodes/NodeModels";
import { NodeTerms } from "../nodes/NodeTerms";
import { STATE_COLOURS } from "../nodes/node_words";
import { RemoveNodeDialog } from "../nodes/RemoveNodeDialog";
import { a } from "../strings";

export function NodePage() {
  const { nodeName = "" } = useParams({ strict: false });
  const node = useQuery(nodeQuery(nodeName));
  const navigate = useNavigate();
  const [isRemoving, setRemoving] = useState(false);
  return (
    <AdminFrame
      title={nodeName}
      crumb={
        <Link to="/admin/nodes" className="hover:text-ink">
          {a.node.crumb}
        </Link>
      }
      action={node.data && <NodeVerbs node={node.data} onRemove={() => setRemoving(true)} />}
    >
      {node.isPending && <Skeleton lines={8} />}
      {node.isError && <ErrorNotice error={node.error} onRetry={() => void node.refetch()} />}
      {node.data && <NodeView node={node.data} />}
      <RemoveNodeDialog
        name={isRemoving ? nodeName : null}
        onClose={() => setRemoving(false)}
        onRemoved={() => void navigate({ to: "/admin/nodes" })}
      />
    </AdminFrame>
  );
}

function NodeView({ node }: { node: NodeRow }) {
  const { data: me } = useQuery(meQuery);
  return (
    <>
      <NodeTrouble node={node} />
      <Panel
        title={a.nodes.states[node.state]}
        titleColour={STATE_COLOURS[node.state]}
        hint={`${a.nodes.roles[node.role]}, ${node.url}`}
      >
        <NodeFacts node={node} nanoUsdPerToken={me?.price_nano_usd_per_token ?? 0} />
      </Panel>
      <div className="grid grid-cols-2 items-start gap-6 max-xl:grid-cols-1">
        <NodeModels node={node} />
        <NodeTerms node={node} />
      </div>
    </>
  );
}
