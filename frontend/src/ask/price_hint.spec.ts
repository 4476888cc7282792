import { describe, expect, it } from "vitest";
import type { Search } from "../protocol.gen";
import { NO_SEARCH } from "../search/search_options";
import { priceHint } from "./price_hint";

const hintOf = (search: Search, change: Partial<Parameters<typeof priceHint>[0]> = {}) =>
  priceHint({
    question: "What is the derivative of x^3 + 2x?",
    allowTools: true,
    verify: false,
    search,
    contextTokens: 2_048,
    priceNanoUsdPerToken: 3_000,
    balanceNanoUsd: 100_000_000_000,
    ...change,
  });

describe("what a question costs at most", () => {
  it("is one context, or four where a rejected answer is made anew", () => {
    expect(hintOf(NO_SEARCH).mostNanoUsd).toBe(2_048 * 3_000);
    expect(hintOf(NO_SEARCH, { verify: true }).mostNanoUsd).toBe(4 * 2_048 * 3_000);
  });

  it("is a context for each answer that the search may make, checked or not", () => {
    const beam: Search = { strategy: "beam", width: 4, depth: 4 };
    expect(hintOf(beam).mostNanoUsd).toBe(8 * 2_048 * 3_000);
    expect(hintOf(beam, { verify: true }).mostNanoUsd).toBe(8 * 2_048 * 3_000);
  });

  it("is never more than the balance, nor than a run may use in all", () => {
    const wide: Search = { strategy: "mcts", width: 8, depth: 8 };
    expect(hintOf(wide, { contextTokens: 32_768 }).mostNanoUsd).toBe(1_000_000 * 3_000);
    expect(hintOf(wide, { balanceNanoUsd: 5_000 }).mostNanoUsd).toBe(5_000);
  });

  it("is likelier to be near the low end of auto, which begins with one answer", () => {
    const auto = hintOf({ strategy: "auto", width: 4, depth: 4 });
    expect(auto.low).toBe(hintOf(NO_SEARCH).low);
    expect(auto.high).toBeGreaterThan(hintOf(NO_SEARCH).high);
  });
});
