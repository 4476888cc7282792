/** What the pages say of models: what they are, what was measured, where they come from. */
import { count, money } from "../format/numbers";

export const measured = {
  suites: {
    title: (mode: string) => `Measured: ${mode}`,
    hint: (samples: number) =>
      samples > 1
        ? `Share right, in percent; the line is its 95 % interval. Each problem was answered ${count(samples)} times: pass@k counts a problem as solved if one of k answers is right, maj@k takes the commonest of k, verifier@k the checker's best of k.`
        : "Share right, in percent; the line is its 95 % interval.",
    modes: {
      no_tools: "one answer, no tools",
      tools: "one answer with tools",
      critic: "tools, rejected answers made anew",
      majority: "the commonest of several answers",
      best_of_n: "the checker's best of several answers",
      beam: "beam search",
      mcts: "tree search (MCTS)",
    } as Record<string, string>,
    columns: { figure: "Suite", right: "Right" },
    strict: "strict",
    flexible: "flexible",
    validCalls: "calls valid",
    tokens: (tokens: number) => `${count(tokens)} tokens a problem`,
    tokensSolved: (tokens: number) => `${count(tokens)} a solved one`,
  },
  source: "Source",
  licence: "Licence",
  quantised: (bits: number, group: number) => `INT${bits}, groups of ${count(group)}`,
} as const;

export const models = {
  title: "Models",
  reasoner: "Reasoner",
  verifier: "Checker",
  ready: "Ready",
  notReady: "No node serves it now",
  parameters: "Parameters",
  context: "Context",
  price: "Price",
  free: "Free",
  perMillion: (nanoUsdPerToken: number) => `${money(nanoUsdPerToken * 1_000_000)} per 1 million tokens`,
  tokens: (tokens: number) => `${count(tokens)} tokens`,
  aliases: "Also called",
  can: "Can",
  cannot: "Cannot",
  measured: "Measured",
  measuredHint:
    "Share right on held-out problems, in percent; the bar is with tools, the line its 95 % interval.",
  columns: {
    family: "Family",
    n: "n",
    tools: "With tools",
    noTools: "Without",
    verified: "Checked",
    unseen: "Unseen wording",
    interval: "95 %",
  },
  noTable: "Nothing measured yet.",
  all: "All families",
  weak: "weak",
  reproduce: "Measured by",
  auc: "AUC of its scores",
  empty: "No model is served. Start a node, then reload.",
} as const;
