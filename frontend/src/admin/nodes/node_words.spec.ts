import { describe, expect, it } from "vitest";
import { nodeOf } from "../sample_jobs";
import { breakEvenTokensPerSecond, devicesWords, isNodeName, verbsOf } from "./node_words";

describe("what a node's row says", () => {
  it("counts devices of one name and sums their memory", () => {
    const device = { kind: "cuda", name: "H100", memory_bytes: 80_000_000_000 };
    const node = nodeOf();
    const info = node.info && { ...node.info, devices: [device, device] };
    expect(devicesWords({ ...node, info })).toBe("2 × H100, 160 GB");
    expect(devicesWords({ ...node, info: null })).toBe("");
  });
  it("offers the opposite of what holds", () => {
    expect(verbsOf(nodeOf())).toEqual(["cordon", "drain"]);
    expect(verbsOf(nodeOf({ is_cordoned: true, is_draining: true }))).toEqual(["uncordon", "undrain"]);
  });
  it("knows what must be sold to earn the cost", () => {
    expect(Math.round(breakEvenTokensPerSecond(2_000_000_000, 3_000) ?? 0)).toBe(185);
    expect(breakEvenTokensPerSecond(0, 3_000)).toBeNull();
  });
  it.each([
    ["gpu-1", true],
    ["GPU 1", false],
    ["-x", false],
    ["", false],
  ])("%j is a name: %s", (name, isOne) => expect(isNodeName(name)).toBe(isOne));
});
