/** A node's mark: ring = open, ring in ink = scored, dashed grey = pruned, filled = kept. Words stand beside it. */
import type { TreeNode } from "./search_tree";

export const MARK_RADIUS = 5; // px

const LOOKS: Record<TreeNode["state"], { fill: string; stroke: string; dash?: string }> = {
  open: { fill: "var(--raised)", stroke: "var(--line-strong)" },
  ended: { fill: "var(--raised)", stroke: "var(--line-strong)" },
  scored: { fill: "var(--raised)", stroke: "var(--accent)" },
  pruned: { fill: "var(--raised)", stroke: "var(--faint)", dash: "2 2" },
  selected: { fill: "var(--accent)", stroke: "var(--accent)" },
};

/** Drawn at 0,0 of its SVG group; the question is a small dot of ink. */
export function TreeMark({ node }: { node: TreeNode | null }) {
  if (!node) return <circle r={3} fill="var(--ink)" />;
  const look = node.isOnBest && node.state !== "selected" ? { ...LOOKS.scored } : LOOKS[node.state];
  return (
    <>
      {node.isLive && <circle r={MARK_RADIUS + 4} className="breathing" fill="var(--wash)" />}
      <circle
        r={MARK_RADIUS}
        fill={look.fill}
        stroke={look.stroke}
        strokeWidth={1.6}
        strokeDasharray={look.dash}
      />
    </>
  );
}
