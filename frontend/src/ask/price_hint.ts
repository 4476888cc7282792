/** What a question will probably cost, and what it costs at most: shown before it is asked. */

/** The server's limit on a question (run_spec.QUESTION_BYTES_MAX). */
export const QUESTION_BYTES_MAX = 65_536;

// Generated tokens of an ordinary run of the shipped model, from its own runs: a thought, a call, a conclusion, an
// answer. Without tools it answers at once.
const GENERATED_WITH_TOOLS = [40, 220] as const;
const GENERATED_WITHOUT_TOOLS = [10, 80] as const;
const BYTES_A_TOKEN_TYPICAL = 2.5; // of English and formulas in a 2,048-entry vocabulary
const TEMPLATE_TOKENS = 6;
const VERIFIED_ATTEMPTS_MAX = 4; // a rejected answer is tried again: the server's own bound (runs/admission.py)

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
  contextTokens: number;
  priceNanoUsdPerToken: number;
  balanceNanoUsd: number;
}): PriceHint {
  const prompt = Math.ceil(questionBytes(options.question) / BYTES_A_TOKEN_TYPICAL) + TEMPLATE_TOKENS;
  const [low, high] = options.allowTools ? GENERATED_WITH_TOOLS : GENERATED_WITHOUT_TOOLS;
  const round = (tokens: number) => Math.min(options.contextTokens, Math.ceil(tokens / 10) * 10);
  const bound = options.contextTokens * (options.verify ? VERIFIED_ATTEMPTS_MAX : 1);
  return {
    low: round(prompt + low),
    high: round(prompt + high),
    mostNanoUsd: Math.max(0, Math.min(bound * options.priceNanoUsdPerToken, options.balanceNanoUsd)),
  };
}
