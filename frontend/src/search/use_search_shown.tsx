/** A run's search, if it has one, and the way through it that the rail shows. */
import { useMemo } from "react";
import type { Trace } from "../trace/trace";
import { BranchNote } from "./BranchNote";
import { branchFollowed, pathSteps, searchTree } from "./search_tree";

/** `choice`: the branch that the reader chose, or none, and how to change that. */
export function useSearchShown(trace: Trace, choice: [number | null, (id: number | null) => void]) {
  const [chosen, setChosen] = choice;
  const tree = useMemo(() => searchTree(trace), [trace]);
  if (!tree) return null;
  const isChosen = chosen !== null && tree.nodes.some((node) => node.id === chosen);
  const shownId = isChosen ? chosen : branchFollowed(tree);
  // Tries one after another are one story; branches side by side can only be read one way at a time.
  const branch = (isChosen || trace.isSideBySide) && {
    path: pathSteps(trace, shownId),
    note: <BranchNote {...{ tree, shownId, isChosen }} onBack={() => setChosen(null)} />,
  };
  return { tree, shownId, choose: setChosen, branch: branch || null };
}
