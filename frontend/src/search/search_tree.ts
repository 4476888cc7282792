/**
 * The search as a tree: branches in, nodes with their state, tokens and place among each other out. Pure; a function
 * of the trace alone, so a reload shows the same tree.
 *
 * Not here: where nodes stand on a picture (tree_layout.ts), how they look (SearchPanel.tsx).
 */
import type { Branch, Step, Trace } from "../trace/trace";
import { isLiveStep, usageKinds } from "../trace/trace_views";

/** "scored": the checker has seen it and it still stands; "ended": written to its end, never scored. */
export type NodeState = "open" | "scored" | "ended" | "pruned" | "selected";

export interface TreeNode {
  id: number;
  parentId: number | null; // null: stands directly below the question
  state: NodeState;
  score: number | null;
  tokens: number; // its own, not its children's
  reason: string; // why it was opened
  ending: string; // why it was pruned or selected
  isLive: boolean; // something is being written in it
  isOnBest: boolean; // on the path that the answer came by
  childIds: number[];
}

export interface SearchTree {
  nodes: TreeNode[]; // in the order they were opened
  rootIds: number[];
  chosenId: number | null; // the branch the answer came from
  numPruned: number;
  numLive: number;
  tokensLost: number; // of branches that the answer did not come by
  tokensShared: number; // the question, read once, and what belongs to no branch
}

const FIRST: Branch = {
  id: 0,
  parentId: null,
  reason: "",
  ending: "",
  score: null,
  usage: null,
  isClosed: false,
  state: "open",
};

/** Null for a run of one branch: it has no search to show. */
export function searchTree(trace: Trace): SearchTree | null {
  const branches = branchesAll(trace);
  if (branches.length < 2) return null;
  const known = new Map(branches.map((branch) => [branch.id, branch]));
  const chosenId = branchChosen(trace);
  const best = chosenId === null ? new Set<number>() : new Set(ancestry(known, chosenId));
  const tokens = tokensByBranch(trace);
  const children = childrenOf(branches);
  const live = new Set(trace.outcome ? [] : trace.steps.filter(isLiveStep).map((step) => step.branchId));
  const nodes = branches.map((branch): TreeNode => {
    const isChosen = branch.id === chosenId;
    return {
      id: branch.id,
      parentId: branch.parentId !== null && known.has(branch.parentId) ? branch.parentId : null,
      state: isChosen ? "selected" : stateOf(branch),
      score: branch.score,
      tokens: tokens.get(branch.id) ?? 0,
      reason: branch.reason,
      ending: branch.ending,
      isLive: live.has(branch.id),
      isOnBest: best.has(branch.id),
      childIds: (children.get(branch.id) ?? []).map((child) => child.id),
    };
  });
  const sum = (some: TreeNode[]) => some.reduce((total, node) => total + node.tokens, 0);
  return {
    nodes,
    rootIds: nodes.filter((node) => node.parentId === null).map((node) => node.id),
    chosenId,
    numPruned: nodes.filter((node) => node.state === "pruned").length,
    numLive: live.size,
    tokensLost: chosenId === null ? 0 : sum(nodes.filter((node) => !node.isOnBest)),
    tokensShared: Math.max(0, usageKinds(trace.usage).total - sum(nodes)),
  };
}

function stateOf(branch: Branch): NodeState {
  if (branch.state !== "open") return branch.state;
  if (branch.score !== null) return "scored";
  return branch.isClosed ? "ended" : "open";
}

function childrenOf(branches: Branch[]): Map<number | null, Branch[]> {
  const children = new Map<number | null, Branch[]>();
  for (const branch of branches) {
    const siblings = children.get(branch.parentId);
    if (siblings) siblings.push(branch);
    else children.set(branch.parentId, [branch]);
  }
  return children;
}

/** Branch 0 begins with the run: it is there as soon as it has a step or a child, though no frame opened it. */
function branchesAll(trace: Trace): Branch[] {
  const isNamed = trace.branches.some((branch) => branch.id === 0);
  const isMeant =
    trace.branches.some((branch) => branch.parentId === 0) || trace.steps.some((step) => step.branchId === 0);
  return isNamed || !isMeant ? trace.branches : [FIRST, ...trace.branches];
}

function branchChosen(trace: Trace): number | null {
  const selected = trace.branches.find((branch) => branch.state === "selected");
  if (selected) return selected.id;
  const { outcome } = trace;
  return outcome?.type === "run.finished" && outcome.finish_reason !== "cancelled" ? outcome.branch_id : null;
}

/** A branch and what it grew out of, itself first. Bounded by the number of branches, whatever the log says. */
function ancestry(known: Map<number, Branch>, id: number): number[] {
  const path: number[] = [];
  let at = known.get(id);
  while (at && !path.includes(at.id)) {
    path.push(at.id);
    at = at.parentId === null ? undefined : known.get(at.parentId);
  }
  return path;
}

/** What the node counted for each branch; of a branch not yet scored, the tokens of its steps so far. */
function tokensByBranch(trace: Trace): Map<number, number> {
  const tokens = new Map<number, number>();
  for (const step of trace.steps) {
    const more = "numTokens" in step ? (step.numTokens ?? 0) : 0;
    tokens.set(step.branchId, (tokens.get(step.branchId) ?? 0) + more);
  }
  for (const branch of trace.branches)
    if (branch.usage) tokens.set(branch.id, usageKinds(branch.usage).total);
  return tokens;
}

/**
 * The keys of the steps that read as one line of reasoning ending in branch `id`. A branch goes on from where its
 * parent stood when it was opened, unless the parent had answered: then it is another try from the question on.
 */
export function pathSteps(trace: Trace, id: number): Set<string> {
  const known = new Map(branchesAll(trace).map((branch) => [branch.id, branch]));
  const ends = new Map<number, number>(); // branch -> the steps before this place belong to the path
  let end = trace.steps.length;
  for (const at of ancestry(known, id)) {
    const before = trace.steps.slice(0, end);
    if (at !== id && before.some((step) => step.kind === "answer" && step.branchId === at)) break;
    ends.set(at, end);
    const opening = before.findIndex((step) => step.kind === "branch" && step.branchId === at);
    if (opening !== -1) end = opening;
  }
  const isOnPath = (step: Step, place: number) => place < (ends.get(step.branchId) ?? 0);
  return new Set(trace.steps.filter(isOnPath).map((step) => step.key));
}

/** The branch that the page reads along when nobody chose one: the answer's, else the best, else the newest. */
export function branchFollowed(tree: SearchTree): number {
  if (tree.chosenId !== null) return tree.chosenId;
  const alive = tree.nodes.filter((node) => node.state !== "pruned");
  const scored = alive.filter((node) => node.score !== null);
  const best = scored.reduce<TreeNode | null>(
    (top, node) => (top === null || (node.score ?? 0) > (top.score ?? 0) ? node : top),
    null,
  );
  return (best ?? alive[0] ?? tree.nodes[0])?.id ?? 0;
}

/** The tree as a list, each node after its parent, with its depth; what is folded is left out. */
export function treeRows(tree: SearchTree, folded: ReadonlySet<number>): { node: TreeNode; level: number }[] {
  const byId = new Map(tree.nodes.map((node) => [node.id, node]));
  const rows: { node: TreeNode; level: number }[] = [];
  const visit = (id: number, level: number) => {
    const node = byId.get(id);
    if (!node) return;
    rows.push({ node, level });
    if (!folded.has(id)) for (const child of node.childIds) visit(child, level + 1);
  };
  for (const root of tree.rootIds) visit(root, 1);
  return rows;
}
