/** What a question will probably cost, and what it costs at most: shown before it is asked. */

import type { Search } from "../protocol.gen";
import { answersMax } from "../search/search_options";

/** The server's limit on a question (run_spec.QUESTION_BYTES_MAX). */
export const QUESTION_BYTES_MAX = 65_536;

// Generated tokens of an ordinary run of the shipped model, from its own runs: a thought, a call, a conclusion, an
// answer. Without tools it answers at once.
const GENERATED_WITH_TOOLS = [40, 220] as const;
const GENERATED_WITHOUT_TOOLS = [10, 80] as const;
const BYTES_A_TOKEN_TYPICAL = 2.5; // of English and formulas in a 2,048-entry vocabulary
const TEMPLATE_TOKENS = 6;
// The server's own bounds (runs/admission.py): a rejected answer is tried again, a run has so many tokens in all.
const VERIFIED_ATTEMPTS_MAX = 4;
const TOTAL_TOKENS_MAX = 1_000_000;

export interface PriceHint {
  low: number;
  high: number;
  mostNanoUsd: number;
}

export function questionBytes(question: string): number {
  return new TextEncoder().encode(question).length;
}

export function priceHint(options: {
  question: string;
  allowTools: boolean;
  verify: boolean;
  search: Search;
  contextTokens: number;
  priceNanoUsdPerToken: number;
  balanceNanoUsd: number;
}): PriceHint {
  const { search, contextTokens } = options;
  const isSearching = search.strategy !== "none";
  const most = isSearching ? answersMax(search) : options.verify ? VERIFIED_ATTEMPTS_MAX : 1;
  const bound = Math.min(contextTokens * most, TOTAL_TOKENS_MAX);
  const prompt = Math.ceil(questionBytes(options.question) / BYTES_A_TOKEN_TYPICAL) + TEMPLATE_TOKENS;
  const [low, high] = options.allowTools ? GENERATED_WITH_TOOLS : GENERATED_WITHOUT_TOOLS;
  const numFewest = search.strategy === "auto" ? 1 : isSearching ? search.width : 1;
  const round = (tokens: number) => Math.min(bound, Math.ceil(tokens / 10) * 10);
  return {
    low: round(prompt + low * numFewest),
    high: round(prompt + high * (isSearching ? most : 1)),
    mostNanoUsd: Math.max(0, Math.min(bound * options.priceNanoUsdPerToken, options.balanceNanoUsd)),
  };
}
