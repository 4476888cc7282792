/** What the search says of itself: on the run's page and in the prompt box. */
import { count, money, score } from "../format/numbers";
import type { Strategy } from "./search_options";
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
  ask: {
    label: "How to search",
    off: "off",
    chip: (words: string) => `Search: ${words}`,
    said: (words: string) => `search: ${words}`,
    model: "Model",
    noChecker: "No checker reads this model now, and this search asks one. Majority needs none.",
    strategies: {
      none: { name: "None", hint: "One line of reasoning, as far as it leads.", width: "", depth: "" },
      auto: {
        name: "Auto",
        hint: "One answer first; more only where the checker is not sure of it.",
        width: "Answers",
        depth: "",
      },
      majority: {
        name: "Majority",
        hint: "Several answers side by side; the one most of them agree on is kept.",
        width: "Answers",
        depth: "",
      },
      best_of_n: {
        name: "Best of n",
        hint: "Several answers side by side; the one the checker scores best is kept.",
        width: "Answers",
        depth: "",
      },
      beam: {
        name: "Beam",
        hint: "Step by step: each kept branch goes on in two ways, and the checker keeps the best.",
        width: "Branches kept",
        depth: "Steps",
      },
      mcts: {
        name: "MCTS",
        hint: "Tree search: each round goes on where the answers so far promise most.",
        width: "Ways on from a step",
        depth: "Rounds",
      },
    } as Record<Strategy, { name: string; hint: string; width: string; depth: string }>,
  },
  emptyTitle: "No search",
  empty:
    "This run followed one line of reasoning. With a search the model writes several at once, the checker scores them, and the best is kept; you pay for every branch.",
  emptyAction: "Ask again with a search",
} as const;
