import { describe, expect, it } from "vitest";
import type { DeploymentRow, VersionRow } from "../api_types";
import { nodeOf } from "../sample_jobs";
import { holdingOf, holdingsOfNode, loadableOnto } from "./holdings";

function versionOf(id: string, deployments: Partial<DeploymentRow>[] = [], hasFiles = true): VersionRow {
  return { id, staff: { deployments, has_files: hasFiles } } as unknown as VersionRow;
}

describe("what a node holds", () => {
  const node = nodeOf(); // it answers for svend-nano

  it("is what the node says, where nobody wished anything", () => {
    const held = holdingOf(versionOf("svend-nano", [], false), node);
    expect([held.state, held.isWish, held.canLoad]).toEqual(["ready", false, false]);
  });
  it("is the wish, with its reason, where there is one", () => {
    const wish = { node: "rtx-1", state: "failed", reason: "the disk is full" } as const;
    const held = holdingOf(versionOf("new", [wish]), node);
    expect([held.state, held.reason, held.isWish, held.canLoad]).toEqual([
      "failed",
      "the disk is full",
      true,
      true,
    ]);
  });
  it("is nothing for wishes of other nodes", () =>
    expect(holdingsOfNode([versionOf("new", [{ node: "other", state: "ready" }])], node)).toEqual([]));
  it("can grow by versions with files, on a node that is open and serves", () => {
    const versions = [versionOf("svend-nano"), versionOf("new"), versionOf("bare", [], false)];
    expect(loadableOnto(versions, node).map((one) => one.id)).toEqual(["new"]);
    expect(loadableOnto(versions, nodeOf({ role: "train" }))).toEqual([]);
    expect(loadableOnto(versions, nodeOf({ state: "draining" }))).toEqual([]);
  });
});
