/** Where the nodes of a search stand: d3's tidy tree, from the top down, the question first. Pure. */
import { type HierarchyPointNode, stratify, tree as tidyTree } from "d3-hierarchy";
import type { SearchTree, TreeNode } from "./search_tree";

export const NODE_GAP_X_MAX = 46; // px: a mark and its score beside it
export const NODE_GAP_Y_MAX = 46;
export const NODE_GAP_Y_MIN = 22; // closer, and the lines between two levels lie flat

export interface PlacedNode {
  node: TreeNode | null; // null: the question, from which several lines begin
  x: number;
  y: number;
}

export interface PlacedEdge {
  key: string;
  path: string;
  node: TreeNode; // the lower end
}

export interface TreeLayout {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  gapX: number; // px between two branches of one parent: what is left for a mark and its score
  height: number;
}

const QUESTION = "question";

/** Placed within `width` px from 0, and within `height` px unless the levels would come too close. */
export function treeLayout(search: SearchTree, width: number, height: number): TreeLayout {
  const byId = new Map(search.nodes.map((node) => [String(node.id), node]));
  const hasQuestion = search.rootIds.length !== 1;
  const parentOf = (id: string): string | null => {
    if (id === QUESTION) return null;
    const parent = byId.get(id)?.parentId ?? null;
    return parent === null ? (hasQuestion ? QUESTION : null) : String(parent);
  };
  const ids = [...(hasQuestion ? [QUESTION] : []), ...byId.keys()];
  const rooted = stratify<string>()
    .id((id) => id)
    .parentId(parentOf)(ids);
  const placed = tidyTree<string>().nodeSize([1, 1])(rooted); // in gaps, not yet in px
  const all = placed.descendants();
  const xs = all.map((point) => point.x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const gapX = Math.min(NODE_GAP_X_MAX, width / Math.max(1, right - left));
  const gapY = Math.min(NODE_GAP_Y_MAX, Math.max(NODE_GAP_Y_MIN, height / Math.max(1, placed.height)));
  for (const point of all) {
    point.x = width / 2 + (point.x - (left + right) / 2) * gapX;
    point.y *= gapY;
  }
  return {
    nodes: all.map((point) => ({ node: byId.get(point.data) ?? null, x: point.x, y: point.y })),
    edges: placed.links().flatMap(({ source, target }) => {
      const node = byId.get(target.data);
      return node ? [{ key: target.data, path: curve(source, target), node }] : [];
    }),
    gapX,
    height: placed.height * gapY,
  };
}

/** Down from the parent, then down to the child: a line that leaves and arrives upright. */
function curve(from: HierarchyPointNode<string>, to: HierarchyPointNode<string>): string {
  const middle = (from.y + to.y) / 2;
  return `M${from.x},${from.y}C${from.x},${middle} ${to.x},${middle} ${to.x},${to.y}`;
}
