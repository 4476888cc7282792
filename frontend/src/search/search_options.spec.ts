import { describe, expect, it } from "vitest";
import type { Search } from "../protocol.gen";
import { answersMax, NO_SEARCH, searchFitted, sizeRead } from "./search_options";

const searchOf = (strategy: Search["strategy"], width = 4, depth = 4): Search => ({ strategy, width, depth });

describe("a search's bound", () => {
  it.each([
    ["none", 1],
    ["auto", 4],
    ["majority", 4],
    ["best_of_n", 4],
    ["beam", 8],
    ["mcts", 16],
  ] as const)("of %s 4 × 4 is %i answers", (strategy, answers) =>
    expect(answersMax(searchOf(strategy))).toBe(answers),
  );
});

describe("its numbers", () => {
  it.each([
    ["8", 8],
    ["0", 1],
    ["99", 16],
    ["2.7", 2],
    ["wide", 1],
  ])("read %s as %i", (text, size) => expect(sizeRead(text)).toBe(size));

  it("keep a tree within 64 nodes by the number that was not typed", () => {
    expect(searchFitted(searchOf("beam", 16, 8), "width")).toMatchObject({ width: 16, depth: 4 });
    expect(searchFitted(searchOf("mcts", 8, 16), "depth")).toMatchObject({ width: 4, depth: 16 });
    expect(searchFitted(searchOf("majority", 16, 16), "width")).toMatchObject({ width: 16, depth: 16 });
    expect(searchFitted(NO_SEARCH, "width")).toEqual(NO_SEARCH);
  });
});
