/**
 * The tree as a list, one row a branch. Up and down walk, left folds or goes to the parent, right
 * unfolds or goes to the first child, Home and End jump; where the focus goes, the trace follows.
 */
import { type KeyboardEvent, memo, useLayoutEffect, useRef, useState } from "react";
import { money } from "../format/numbers";
import { t } from "../strings";
import { type SearchTree, type TreeNode, treeRows } from "./search_tree";
import { MARK_RADIUS, TreeMark } from "./TreeMark";

const INDENT_PX = 12;
const INDENT_LEVELS_MAX = 6; // deeper rows stand no further to the right: the words need the room

interface ListProps {
  tree: SearchTree;
  shownId: number;
  nanoUsdPerToken: number;
  onChoose: (id: number) => void;
  className?: string;
}

export function TreeList({ tree, shownId, nanoUsdPerToken, onChoose, className = "" }: ListProps) {
  const grid = useRef<HTMLDivElement>(null);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const rows = treeRows(tree, folded);
  const place = Math.max(
    0,
    rows.findIndex(({ node }) => node.id === shownId),
  );
  // The row that the trace shows stays in the list's sight; the page itself does not move.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another row moves it
  useLayoutEffect(() => {
    const [list, row] = [grid.current, grid.current?.querySelector<HTMLElement>("[aria-selected=true]")];
    if (!list || !row) return;
    const [top, bottom] = [row.offsetTop - list.offsetTop, row.offsetTop - list.offsetTop + row.offsetHeight];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }, [shownId]);
  const go = (id: number | undefined | null) => {
    if (id === undefined || id === null) return;
    onChoose(id);
    grid.current?.querySelector<HTMLElement>(`[data-branch="${id}"]`)?.focus({ preventScroll: true });
  };
  const fold = (node: TreeNode, isFolded: boolean) => {
    const next = new Set(folded);
    if (isFolded) next.add(node.id);
    else next.delete(node.id);
    setFolded(next);
  };
  const press = (event: KeyboardEvent) => {
    const at = rows[place]?.node;
    if (!at) return;
    const isFolded = folded.has(at.id);
    const acts: Record<string, () => void> = {
      ArrowDown: () => go(rows[place + 1]?.node.id),
      ArrowUp: () => go(rows[place - 1]?.node.id),
      Home: () => go(rows[0]?.node.id),
      End: () => go(rows.at(-1)?.node.id),
      ArrowRight: () => (isFolded ? fold(at, false) : go(at.childIds[0])),
      ArrowLeft: () => (at.childIds.length && !isFolded ? fold(at, true) : go(at.parentId)),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  return (
    <div
      ref={grid}
      role="tree"
      tabIndex={-1} // its rows take the focus, also where it scrolls
      aria-label={t.search.treeLabel}
      onKeyDown={press}
      className={`flex flex-col overflow-y-auto ${className}`}
    >
      {rows.map(({ node, level }, index) => (
        <Row
          key={node.id}
          {...{ node, level, onChoose, nanoUsdPerToken }}
          isShown={node.id === shownId}
          isReached={index === place}
          isFolded={folded.has(node.id)}
        />
      ))}
    </div>
  );
}

interface RowProps {
  node: TreeNode;
  level: number;
  isShown: boolean;
  isReached: boolean; // the one row that Tab comes to
  isFolded: boolean;
  nanoUsdPerToken: number;
  onChoose: (id: number) => void;
}

const isSameRow = (one: RowProps, other: RowProps) =>
  one.level === other.level &&
  one.isShown === other.isShown &&
  one.isReached === other.isReached &&
  one.isFolded === other.isFolded &&
  one.nanoUsdPerToken === other.nanoUsdPerToken &&
  one.onChoose === other.onChoose &&
  (Object.keys(one.node) as (keyof TreeNode)[]).every((key) =>
    key === "childIds"
      ? one.node.childIds.length === other.node.childIds.length
      : one.node[key] === other.node[key],
  );

const Row = memo(function Row(props: RowProps) {
  const { node, level, nanoUsdPerToken, onChoose } = props;
  const size = 2 * (MARK_RADIUS + 2);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys
    <div
      role="treeitem"
      data-branch={node.id}
      tabIndex={props.isReached ? 0 : -1}
      aria-level={level}
      aria-selected={props.isShown}
      aria-expanded={node.childIds.length ? !props.isFolded : undefined}
      onClick={() => onChoose(node.id)}
      className={`grid cursor-pointer grid-cols-[minmax(0,1fr)_auto] gap-x-3 rounded-sm py-1.5 pr-2 text-sm outline-offset-[-2px] max-md:py-2.5 ${props.isShown ? "bg-sunk" : "hover:bg-sunk"}`}
      style={{ paddingLeft: 6 + INDENT_PX * Math.min(INDENT_LEVELS_MAX, level - 1) }}
    >
      <span className="flex min-w-0 items-center gap-2">
        <svg
          width={size}
          height={size}
          viewBox={`${-size / 2} ${-size / 2} ${size} ${size}`}
          aria-hidden="true"
        >
          <TreeMark node={node} />
        </svg>
        <span className={`truncate ${node.isOnBest ? "font-semibold" : ""}`}>
          {t.search.branch(node.id)}
          {props.isFolded && <span className="font-normal text-soft"> (+{node.childIds.length})</span>}
        </span>
      </span>
      <span className={`figures text-right ${node.isOnBest ? "font-semibold text-accent" : "text-soft"}`}>
        {node.score === null ? "" : t.search.score(node.score)}
      </span>
      <span className="figures pl-[22px] text-xs text-soft">
        {node.isLive ? t.search.writing : t.search.states[node.state]}, {t.search.tokens(node.tokens)}
      </span>
      <span className="figures text-right text-xs text-soft">{money(node.tokens * nanoUsdPerToken)}</span>
    </div>
  );
}, isSameRow);
