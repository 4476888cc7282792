/** Which version a node holds, waits for or failed to load: the node's own words beside the operator's wishes. Pure. */
import type { NodeRow, VersionRow } from "../api_types";

export type HoldState = "wanted" | "loading" | "ready" | "failed" | "unloading" | "absent";

export interface Holding {
  version: VersionRow;
  node: NodeRow;
  state: HoldState;
  reason: string;
  /** Wished from here: it can be taken back. What a node was started with is left to it. */
  isWish: boolean;
  canLoad: boolean;
}

export function holdingOf(version: VersionRow, node: NodeRow): Holding {
  const wish = version.staff?.deployments.find((one) => one.node === node.name);
  const isHeld = Boolean(node.info?.models.some((model) => model.version === version.id));
  const state = wish?.state ?? (isHeld ? "ready" : "absent");
  const isOpen = node.state === "ready" && node.role !== "train";
  return {
    version,
    node,
    state,
    reason: wish?.reason ?? "",
    isWish: Boolean(wish) && state !== "unloading",
    canLoad: isOpen && Boolean(version.staff?.has_files) && (state === "absent" || state === "failed"),
  };
}

/** Everything of a node that is there, coming, going or failed. */
export const holdingsOfNode = (versions: VersionRow[], node: NodeRow): Holding[] =>
  versions.map((version) => holdingOf(version, node)).filter((one) => one.state !== "absent");

/** What could still be loaded onto a node. */
export const loadableOnto = (versions: VersionRow[], node: NodeRow): VersionRow[] =>
  versions.filter((version) => {
    const holding = holdingOf(version, node);
    return holding.canLoad && holding.state === "absent";
  });
