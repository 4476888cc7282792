/**
 * The tree drawn: best path bold, pruned dashed and grey, the score beside the node. For the eye and the mouse alone:
 * the list beside it (TreeList.tsx) says the same to a keyboard and a screen reader.
 */
import { select } from "d3-selection";
import { type ZoomBehavior, type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { t } from "../strings";
import { Button } from "../ui/Button";
import type { SearchTree, TreeNode } from "./search_tree";
import { TreeMark } from "./TreeMark";
import { type TreeLayout, treeLayout } from "./tree_layout";

const MARGIN_PX = 24; // around the tree: a mark and half a score
const SCALE_MAX = 12;
const SCORE_GAP_PX_MIN = 30; // branches closer than this have no room for a score between them
const MARK_GAP_SHARE = 0.07; // of the gap, times the mark's own radius: marks of one parent never touch
const ZOOM_STEP = 1.5;

interface PictureProps {
  tree: SearchTree;
  shownId: number;
  onChoose: (id: number) => void;
  width: number;
  height: number;
  /** Turning the wheel zooms at once; elsewhere it scrolls the page unless Ctrl is held. */
  isWheelFree?: boolean;
}

export function TreePicture({ tree, shownId, onChoose, width, height, isWheelFree = false }: PictureProps) {
  const layout = useMemo(
    () => treeLayout(tree, width - 2 * MARGIN_PX, height - 2 * MARGIN_PX),
    [tree, width, height],
  );
  const drawnHeight = layout.height + 2 * MARGIN_PX;
  const svg = useRef<SVGSVGElement>(null);
  const behaviour = useRef<ZoomBehavior<SVGSVGElement, unknown> | null>(null);
  const [at, setAt] = useState<ZoomTransform>(zoomIdentity);
  useEffect(() => {
    if (!svg.current) return;
    const zooming = zoom<SVGSVGElement, unknown>()
      .scaleExtent([1, SCALE_MAX])
      .translateExtent([
        [0, 0],
        [width, drawnHeight],
      ])
      .extent([
        [0, 0],
        [width, drawnHeight],
      ])
      .filter(
        (event: MouseEvent) => !event.button && (event.type !== "wheel" || isWheelFree || event.ctrlKey),
      )
      .on("zoom", (event: { transform: ZoomTransform }) => setAt(event.transform));
    behaviour.current = zooming;
    const drawn = select(svg.current);
    drawn.call(zooming).on("dblclick.zoom", null);
    return () => void drawn.on(".zoom", null);
  }, [isWheelFree, width, drawnHeight]);
  const zoomBy = (factor: number) => {
    if (svg.current && behaviour.current) select(svg.current).call(behaviour.current.scaleBy, factor);
  };
  const zoomFit = () => {
    if (svg.current && behaviour.current) select(svg.current).call(behaviour.current.transform, zoomIdentity);
  };
  return (
    <div className="flex flex-col gap-1.5">
      <svg
        ref={svg}
        width={width}
        height={drawnHeight}
        viewBox={`0 0 ${width} ${drawnHeight}`}
        aria-hidden="true"
        className="block max-w-full cursor-grab touch-none active:cursor-grabbing"
      >
        <g transform={at.toString()}>
          <g transform={`translate(${MARGIN_PX},${MARGIN_PX})`}>
            <Drawing layout={layout} shownId={shownId} onChoose={onChoose} scale={at.k} />
          </g>
        </g>
      </svg>
      <span className="flex gap-1" aria-hidden="true">
        <ZoomButton label={t.search.zoomOut} sign="−" onClick={() => zoomBy(1 / ZOOM_STEP)} />
        <ZoomButton label={t.search.zoomIn} sign="+" onClick={() => zoomBy(ZOOM_STEP)} />
        {at.k > 1 && (
          <Button look="quiet" className="min-h-7! px-2! text-xs!" tabIndex={-1} onClick={zoomFit}>
            {t.search.zoomFit}
          </Button>
        )}
      </span>
    </div>
  );
}

function ZoomButton({ label, sign, onClick }: { label: string; sign: string; onClick: () => void }) {
  return (
    <Button look="quiet" className="min-h-7! px-2! text-sm!" title={label} tabIndex={-1} onClick={onClick}>
      {sign}
    </Button>
  );
}

interface DrawingProps {
  layout: TreeLayout;
  shownId: number;
  onChoose: (id: number) => void;
  scale: number; // marks and words keep their size: the room between them grows
}

const Drawing = memo(function Drawing({ layout, shownId, onChoose, scale }: DrawingProps) {
  const gap = layout.gapX * scale;
  const size = Math.min(1, gap * MARK_GAP_SHARE) / scale;
  const hasScores = gap >= SCORE_GAP_PX_MIN;
  return (
    <>
      {layout.edges.map(({ key, path, node }) => (
        <path key={key} d={path} fill="none" vectorEffect="non-scaling-stroke" {...lineLook(node)} />
      ))}
      {layout.nodes.map(({ node, x, y }) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: the list beside the picture is the keyboard's way
        <g
          key={node?.id ?? "question"}
          transform={`translate(${x},${y}) scale(${size})`}
          onClick={() => node && onChoose(node.id)}
          className={node ? "cursor-pointer" : ""}
          data-node={node?.id}
        >
          {node && <circle r={12} fill="transparent" />}
          {node?.id === shownId && <circle r={9} fill="none" stroke="var(--ink)" strokeWidth={1.2} />}
          <TreeMark node={node} />
          {node && node.score !== null && (hasScores || node.id === shownId) && (
            <text {...scoreLook(node, hasScores)} transform={`scale(${1 / (size * scale)})`}>
              {t.search.score(node.score).replace(/^0/, "")}
            </text>
          )}
        </g>
      ))}
    </>
  );
});

const lineLook = (node: TreeNode) => ({
  stroke: node.isOnBest ? "var(--accent)" : node.state === "pruned" ? "var(--faint)" : "var(--line-strong)",
  strokeWidth: node.isOnBest ? 2.2 : 1,
  strokeDasharray: node.state === "pruned" ? "3 3" : undefined,
});

/** Beside its mark where there is room, else below it, with a rim that keeps the lines off the figures. */
const scoreLook = (node: TreeNode, hasRoom: boolean) => ({
  className: "figures",
  fontSize: 11,
  ...(hasRoom ? { x: 12, y: 4 } : { x: 0, y: 20, textAnchor: "middle" as const }),
  fill: node.isOnBest ? "var(--accent)" : "var(--soft)",
  fontWeight: node.isOnBest ? 600 : 400,
  paintOrder: "stroke",
  stroke: "var(--raised)",
  strokeWidth: 4,
});
