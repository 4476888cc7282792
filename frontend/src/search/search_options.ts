/**
 * How a question may be searched: what each strategy's two numbers mean, their bounds, and how many answers' worth of
 * tokens it may spend. Pure; the bounds and the count are the protocol's own (gpu_node/protocol/frames.py, Search).
 */
import type { Search } from "../protocol.gen";

export type Strategy = Search["strategy"];

export const STRATEGIES: readonly Strategy[] = ["none", "auto", "majority", "best_of_n", "beam", "mcts"];
export const NO_SEARCH: Search = { strategy: "none", width: 4, depth: 4 };
export const SIZE_MAX = 16; // of width and of depth
export const NODES_MAX = 64; // width x depth of a tree
const NEEDS_CHECKER: readonly Strategy[] = ["best_of_n", "beam", "mcts"];

export const isTree = (strategy: Strategy): boolean => strategy === "beam" || strategy === "mcts";
export const needsChecker = (strategy: Strategy): boolean => NEEDS_CHECKER.includes(strategy);

/** At most about this many answers' tokens does it make. */
export function answersMax({ strategy, width, depth }: Search): number {
  switch (strategy) {
    case "none":
      return 1;
    case "auto":
    case "majority":
    case "best_of_n":
      return width;
    case "beam":
      return 2 * width;
    case "mcts":
      return width * depth;
  }
}

/** A whole number from 1 to 16, whatever was typed. */
export const sizeRead = (text: string): number =>
  Math.min(SIZE_MAX, Math.max(1, Math.trunc(Number(text)) || 1));

/** A tree no larger than the node keeps: the number that was not just typed gives way. */
export function searchFitted(search: Search, typed: "width" | "depth"): Search {
  if (!isTree(search.strategy) || search.width * search.depth <= NODES_MAX) return search;
  return typed === "width"
    ? { ...search, depth: Math.floor(NODES_MAX / search.width) }
    : { ...search, width: Math.floor(NODES_MAX / search.depth) };
}
