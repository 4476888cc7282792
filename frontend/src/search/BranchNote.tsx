/** Above the rail while it shows one branch: which, how it ended and why, and the way back. */
import { t } from "../strings";
import type { SearchTree } from "./search_tree";

interface NoteProps {
  tree: SearchTree;
  shownId: number;
  isChosen: boolean; // by the reader; otherwise the page follows the run
  onBack: () => void;
}

export function BranchNote({ tree, shownId, isChosen, onBack }: NoteProps) {
  const node = tree.nodes.find((one) => one.id === shownId);
  if (!node) return null;
  const isFollowing = !isChosen && tree.chosenId === null;
  const why = node.state === "pruned" || node.state === "selected" ? t.search.why[node.state] : null;
  return (
    <p className="-mb-2 flex flex-wrap items-baseline gap-x-3 gap-y-1 rounded-md bg-sunk px-3.5 py-2 text-sm">
      <span className="font-medium">
        {isFollowing ? t.search.following(node.id) : t.search.showing(node.id, t.search.states[node.state])}
      </span>
      {node.score !== null && <span className="figures text-soft">{t.search.score(node.score)}</span>}
      {isFollowing && <span className="text-soft">{t.search.beingWritten(tree.numLive)}</span>}
      {why && node.ending && (
        <span className="text-soft">
          {why} {node.ending}
        </span>
      )}
      {isChosen && node.id !== tree.chosenId && (
        <button
          type="button"
          onClick={onBack}
          className="ml-auto underline decoration-line-strong underline-offset-4"
        >
          {tree.chosenId === null ? t.search.backLive : t.search.back}
        </button>
      )}
    </p>
  );
}
