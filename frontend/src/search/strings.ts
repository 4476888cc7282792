/** What the search says of itself: on the run's page and in the prompt box. */
import { count, money, score } from "../format/numbers";
import type { NodeState } from "./search_tree";

const branches = (number: number) => (number === 1 ? "1 branch" : `${count(number)} branches`);

export const search = {
  title: "Search",
  open: "Search tree",
  treeLabel: "Branches of the search",
  branch: (id: number) => `Branch ${id}`,
  states: { open: "open", scored: "scored", ended: "ended", pruned: "pruned", selected: "kept" } as Record<
    NodeState,
    string
  >,
  writing: "writing",
  score: (value: number) => score(value),
  tokens: (tokens: number) => (tokens === 1 ? "1 token" : `${count(tokens)} tokens`),
  summaryLive: (number: number, live: number, pruned: number) =>
    `${branches(number)}: ${count(live)} being written, ${count(pruned)} pruned.`,
  summary: (number: number, lost: number, nanoUsd: number) =>
    `${branches(number)}, 1 kept. The others cost ${count(lost)} tokens, ${money(nanoUsd)}.`,
  summaryNone: (number: number) => `${branches(number)}, none kept.`,
  shared: (tokens: number, nanoUsd: number) =>
    `The question, read once: ${count(tokens)} tokens, ${money(nanoUsd)}.`,
  showing: (id: number, state: string) => `Branch ${id}, ${state}`,
  beingWritten: (live: number) => `${branches(live)} being written`,
  following: (id: number) => `Following branch ${id}, the best so far`,
  why: { pruned: "Pruned:", selected: "Kept:" },
  back: "Show the kept branch",
  backLive: "Follow the best branch",
  larger: "Larger",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  zoomFit: "Fit",
  emptyTitle: "No search",
  empty:
    "This run followed one line of reasoning. With a search the model writes several at once, the checker scores them, and the best is kept; you pay for every branch.",
  emptyAction: "Ask again with a search",
} as const;
