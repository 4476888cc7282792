/** One version's places: every node, whether it holds the version, and loading or unloading it there. */
import { useQuery } from "@tanstack/react-query";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { nodesQuery } from "../api";
import type { VersionRow } from "../api_types";
import { HoldingList } from "../nodes/HoldingList";
import { holdingOf } from "../nodes/holdings";
import { a } from "../strings";

export function VersionNodes({ version, onClose }: { version: VersionRow; onClose: () => void }) {
  const nodes = useQuery(nodesQuery);
  return (
    <div className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium break-words">{a.deploy.of(version.id)}</h2>
        <p className="text-soft">{version.staff?.has_files ? a.deploy.ofHint : a.deploy.noFiles}</p>
      </div>
      {nodes.isPending && <Skeleton />}
      {nodes.isError && <ErrorNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
      {nodes.data?.length === 0 && <p className="text-soft">{a.deploy.noNodes}</p>}
      {nodes.data && <HoldingList holdings={nodes.data.map((node) => holdingOf(version, node))} by="node" />}
      <div className="flex justify-end">
        <Button onClick={onClose}>{t.common.done}</Button>
      </div>
    </div>
  );
}
