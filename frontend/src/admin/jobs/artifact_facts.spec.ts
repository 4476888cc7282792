import { describe, expect, it } from "vitest";
import { formatsOf, valuesLast } from "./artifact_facts";

const point = (step: number, values: Record<string, number>) => ({ step, atMs: step, values });

describe("a quantisation's figures", () => {
  const points = [
    point(1, { relative_error: 0.04 }),
    point(2, { num_bytes_bfloat16: 5_200_000, share_right_bfloat16: 0.81, tokens_per_second_bfloat16: 92 }),
    point(3, { num_bytes_int4: 1_700_000 }),
  ];

  it("are its sizes before and after, with what was measured of each", () => {
    expect(formatsOf(valuesLast(points))).toEqual([
      { format: "bfloat16", numBytes: 5_200_000, shareRight: 0.81, tokensPerSecond: 92 },
      { format: "int4", numBytes: 1_700_000, shareRight: null, tokensPerSecond: null },
    ]);
  });

  it("are none before anything was told", () => expect(formatsOf(valuesLast([]))).toEqual([]));

  it("are a metric's newest value, also when a second attempt tells it again", () =>
    expect(valuesLast([point(1, { relative_error: 0.1 }), point(1, { relative_error: 0.2 })])).toEqual({
      relative_error: 0.2,
    }));
});
