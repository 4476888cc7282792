/** The versions on a node, and loading another one onto it. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../../ui/Button";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { versionLoad, versionsQuery } from "../api";
import type { NodeRow, VersionRow } from "../api_types";
import { a } from "../strings";
import { HoldingList, holdingsRefresh } from "./HoldingList";
import { holdingsOfNode, loadableOnto } from "./holdings";

export function NodeModels({ node }: { node: NodeRow }) {
  const versions = useQuery(versionsQuery);
  const holdings = holdingsOfNode(versions.data ?? [], node);
  return (
    <Panel title={a.deploy.title} hint={a.deploy.hint}>
      {versions.isPending && <Skeleton />}
      {versions.isError && <ErrorNotice error={versions.error} onRetry={() => void versions.refetch()} />}
      {versions.data && (
        <>
          {holdings.length === 0 && <p className="text-soft">{a.deploy.none}</p>}
          <HoldingList holdings={holdings} by="version" />
          <LoadForm node={node} loadable={loadableOnto(versions.data, node)} />
        </>
      )}
    </Panel>
  );
}

function LoadForm({ node, loadable }: { node: NodeRow; loadable: VersionRow[] }) {
  const [chosen, setChosen] = useState("");
  const load = useMutation({
    mutationFn: (version: string) => versionLoad(version, node.name),
    onSuccess: () => setChosen(""),
    onSettled: holdingsRefresh,
  });
  if (node.role === "train" || node.state !== "ready")
    return (
      <p className="text-sm text-soft">{node.role === "train" ? a.deploy.trainsOnly : a.deploy.closed}</p>
    );
  if (loadable.length === 0) return <p className="text-sm text-soft">{a.deploy.noneToLoad}</p>;
  return (
    <form
      className="flex flex-wrap items-end gap-3 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen && !load.isPending) load.mutate(chosen);
      }}
    >
      <div className="min-w-48 flex-1">
        <Select
          label={a.deploy.loadWhich}
          value={chosen}
          onChange={(event) => setChosen(event.target.value)}
          options={[
            { value: "", label: "–" },
            ...loadable.map((version) => ({ value: version.id, label: version.id })),
          ]}
        />
      </div>
      <Button type="submit" className="min-h-11!" disabled={!chosen || load.isPending}>
        {a.deploy.load}
      </Button>
      {load.isError && <ErrorNotice error={load.error} />}
    </form>
  );
}
