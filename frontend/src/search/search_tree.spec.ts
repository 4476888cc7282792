import { describe, expect, it } from "vitest";
import { framesOf, repairEvents } from "../dev/sample_frames";
import { beamEvents, beamLive } from "../dev/sample_search";
import { EMPTY_TRACE, framesApply, type Trace } from "../trace/trace";
import { railSteps, traceAnswer, usageKinds } from "../trace/trace_views";
import { branchFollowed, pathSteps, type SearchTree, searchTree, treeRows } from "./search_tree";
import { NODE_GAP_X_MAX, NODE_GAP_Y_MIN, treeLayout } from "./tree_layout";

const traced = (events: Parameters<typeof framesOf>[0]): Trace => framesApply(EMPTY_TRACE, framesOf(events));
const treed = (trace: Trace): SearchTree => {
  const tree = searchTree(trace);
  if (!tree) throw new Error("no tree");
  return tree;
};
const beam = traced(beamEvents(3, 2));
const tree = treed(beam);
const NONE_FOLDED = new Set<number>();

describe("a search's tree", () => {
  it("is the same live, replayed and after any reload", () => {
    const frames = framesOf(beamEvents(3, 2));
    for (let split = 0; split <= frames.length; split += 7) {
      const resumed = framesApply(framesApply(EMPTY_TRACE, frames.slice(0, split)), frames.slice(split));
      expect(searchTree(resumed)).toEqual(tree);
    }
  });

  it("says of each branch what became of it, and why", () => {
    const states = tree.nodes.map((node) => node.state);
    expect(states.filter((state) => state === "pruned")).toHaveLength(tree.numPruned);
    expect(tree.numPruned).toBe(6);
    const chosen = tree.nodes.find((node) => node.id === tree.chosenId);
    expect(chosen).toMatchObject({
      state: "selected",
      score: 0.94,
      ending: "the best score of 4 finished branches",
    });
    expect(tree.nodes.find((node) => node.state === "pruned")?.ending).toBe("not among the 3 best of step 2");
  });

  it("marks the path that the answer came by, from the question on", () => {
    const best = tree.nodes.filter((node) => node.isOnBest).map((node) => node.id);
    const chosen = tree.nodes.find((node) => node.id === tree.chosenId);
    expect(best).toEqual([chosen?.parentId, chosen?.id].sort());
  });

  it("shares out every token of the run: branches, and what belongs to none", () => {
    const own = tree.nodes.reduce((sum, node) => sum + node.tokens, 0);
    expect(own + tree.tokensShared).toBe(usageKinds(beam.usage).total);
    expect(tree.tokensShared).toBe(64); // the question
    const lost = tree.nodes.filter((node) => !node.isOnBest).reduce((sum, node) => sum + node.tokens, 0);
    expect(tree.tokensLost).toBe(lost);
  });

  it("is null where there was one line of reasoning alone", () => {
    expect(searchTree(EMPTY_TRACE)).toBeNull();
    const opened = repairEvents.findIndex((event) => event.type === "branch.open");
    expect(searchTree(traced(repairEvents.slice(0, opened)))).toBeNull();
  });

  it("shows the first try of a run that tried again, though no frame opened it", () => {
    const repaired = treed(traced(repairEvents));
    expect(repaired.nodes.map(({ id, parentId, state, tokens }) => [id, parentId, state, tokens])).toEqual([
      [0, null, "scored", 46],
      [1, 0, "selected", 39],
    ]);
  });
});

describe("what the rail shows of a search", () => {
  it("is one line from the question to the branch", () => {
    const chosen = tree.nodes.find((node) => node.id === tree.chosenId);
    const texts = railSteps(beam, pathSteps(beam, chosen?.id ?? -1)).flatMap((step) =>
      "text" in step ? [step.text] : [],
    );
    expect(texts).toEqual([`Step 1 of branch ${chosen?.parentId}.`, `Step 2 of branch ${chosen?.id}.`]);
  });

  it("is a later try alone, without the answer that was rejected before it", () => {
    const repaired = traced(repairEvents);
    const kinds = (id: number) => railSteps(repaired, pathSteps(repaired, id)).map((step) => step.kind);
    expect(kinds(1)).toEqual(["branch", "thought"]);
    expect(kinds(0)).toContain("answer");
  });

  it("leaves the answer's place empty until the search has chosen", () => {
    const writing = traced(beamEvents(3, 2).slice(0, -4));
    expect(writing.isSideBySide).toBe(true);
    expect(traceAnswer(writing)).toBeNull();
    expect(traceAnswer(beam)?.text).toContain("The answer of branch");
  });

  it("follows the best branch that still stands while nothing is chosen", () => {
    const live = treed(traced(beamLive));
    expect(live.chosenId).toBeNull();
    expect(live.numLive).toBe(1);
    const best = live.nodes.filter((node) => node.state !== "pruned").map((node) => node.score ?? 0);
    expect(live.nodes.find((node) => node.id === branchFollowed(live))?.score).toBe(Math.max(...best));
    expect(branchFollowed(tree)).toBe(tree.chosenId);
  });
});

describe("the list", () => {
  it("has a row for each branch below its parent, and hides what is folded", () => {
    const rows = treeRows(tree, NONE_FOLDED);
    expect(rows).toHaveLength(tree.nodes.length);
    rows.forEach(({ node, level }, index) => {
      const parent = rows.findIndex((row) => row.node.id === node.parentId);
      expect(parent).toBeLessThan(index);
      expect(level).toBe(parent === -1 ? 1 : (rows[parent]?.level ?? 0) + 1);
    });
    const folded = treeRows(tree, new Set([tree.rootIds[0] ?? 0]));
    expect(folded).toHaveLength(rows.length - (tree.nodes[0]?.childIds.length ?? 0));
  });
});

describe("the picture", () => {
  it("puts no two nodes upon each other, within its width, at any size", () => {
    const large = treeLayout(treed(traced(beamEvents(8, 7))), 200, 100);
    expect(large.nodes.length).toBeGreaterThan(390);
    const places = large.nodes.map(({ x, y }) => `${x.toFixed(2)} ${y}`);
    expect(new Set(places).size).toBe(places.length);
    expect(Math.min(...large.nodes.map(({ x }) => x))).toBeCloseTo(0);
    expect(Math.max(...large.nodes.map(({ x }) => x))).toBeCloseTo(200);
    expect(large.height).toBe(7 * NODE_GAP_Y_MIN);
    expect(large.edges).toHaveLength(large.nodes.length - 1);
  });

  it("draws the question where several lines begin at it, and only there", () => {
    expect(treeLayout(tree, 200, 200).nodes[0]?.node).toBeNull();
    const repaired = treeLayout(treed(traced(repairEvents)), 200, 200);
    expect(repaired.nodes.map(({ node, x }) => [node?.id, x])).toEqual([
      [0, 100],
      [1, 100],
    ]);
    expect(repaired.gapX).toBe(NODE_GAP_X_MAX);
  });
});
