/** Versions on nodes, one a line, with what can be done: load, try again, unload. */
import { useMutation } from "@tanstack/react-query";
import { queryClient } from "../../api/queries";
import { Button } from "../../ui/Button";
import { ErrorNotice } from "../../ui/Notice";
import { versionLoad, versionUnload } from "../api";
import { a } from "../strings";
import type { Holding, HoldState } from "./holdings";

const COLOURS: Record<HoldState, string> = {
  wanted: "text-abstain",
  loading: "text-abstain",
  ready: "text-accept",
  failed: "text-reject",
  unloading: "text-soft",
  absent: "text-soft",
};

interface ListProps {
  holdings: Holding[];
  /** Which of the two a line is called by. */
  by: "version" | "node";
}

export function HoldingList({ holdings, by }: ListProps) {
  return (
    <ul className="flex flex-col text-sm">
      {holdings.map((holding) => (
        <HoldingLine key={`${holding.version.id} ${holding.node.name}`} holding={holding} by={by} />
      ))}
    </ul>
  );
}

export async function holdingsRefresh(): Promise<void> {
  await Promise.all([["versions"], ["nodes"]].map((queryKey) => queryClient.invalidateQueries({ queryKey })));
}

function HoldingLine({ holding, by }: { holding: Holding; by: ListProps["by"] }) {
  const { version, node, state } = holding;
  const name = by === "version" ? version.id : node.name;
  const change = useMutation({
    mutationFn: (verb: "load" | "unload") =>
      (verb === "load" ? versionLoad : versionUnload)(version.id, node.name),
    onSettled: holdingsRefresh,
  });
  return (
    <li className="flex flex-col gap-1 border-b border-line py-2 last:border-b-0">
      <span className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <span className="min-w-0 break-words">
          <span className="font-medium">{name}</span>{" "}
          <span className={COLOURS[state]}>{a.deploy.states[state]}</span>
          <span className="block text-soft">{hint(holding)}</span>
        </span>
        <span className="flex gap-2">
          {holding.canLoad && (
            <Button disabled={change.isPending} onClick={() => change.mutate("load")}>
              {state === "failed" ? a.deploy.again : a.deploy.load}
              <span className="sr-only"> {name}</span>
            </Button>
          )}
          {holding.isWish && (
            <Button look="quiet" disabled={change.isPending} onClick={() => change.mutate("unload")}>
              {a.deploy.unload}
              <span className="sr-only"> {name}</span>
            </Button>
          )}
        </span>
      </span>
      {change.isError && <ErrorNotice error={change.error} />}
    </li>
  );
}

function hint({ node, version, state, reason, isWish }: Holding): string {
  if (reason) return reason;
  if (state === "ready" && !isWish) return a.deploy.onStart;
  if (state !== "absent") return "";
  if (!version.staff?.has_files) return "";
  if (node.role === "train") return a.deploy.trainsOnly;
  return node.state === "ready" ? "" : a.deploy.closed;
}
