/** Reports as a node writes them, for specs and for the page of every state. */
import type { MeasuredMean, ModelCard } from "../api/types";

const mean = (share: number, half: number): MeasuredMean => ({
  n: 200,
  share,
  interval_low: Math.max(0, share - half),
  interval_high: Math.min(1, share + half),
});

export const SUITE_CARD: ModelCard = {
  mode: "best_of_n",
  num_samples: 4,
  command: "python -m gpu_node evaluate --model-path svend-nano --suite gsm8k,reasoning_gym --mode best_of_n",
  families: [
    {
      family: "gsm8k",
      n: 200,
      with_tools: 0.215,
      without_tools: 0,
      verified: 0.215,
      interval_low: 0.164,
      interval_high: 0.277,
      strict: { ...mean(0.205, 0.055), right: 41 },
      flexible: { ...mean(0.22, 0.056), right: 44 },
      tool_validity: { ...mean(0.94, 0.03), right: 188 },
      tokens_per_problem: 812.4,
      tokens_per_solved: 3_778.6,
      of_samples: {
        "pass@1": mean(0.215, 0.056),
        "maj@1": mean(0.215, 0.056),
        "verifier@1": mean(0.215, 0.056),
        "pass@2": mean(0.29, 0.062),
        "maj@2": mean(0.22, 0.057),
        "verifier@2": mean(0.25, 0.06),
        "pass@4": mean(0.38, 0.066),
        "maj@4": mean(0.26, 0.06),
        "verifier@4": mean(0.31, 0.063),
      },
    },
    {
      family: "reasoning_gym",
      n: 200,
      with_tools: 0.64,
      without_tools: 0,
      verified: 0.64,
      interval_low: 0.571,
      interval_high: 0.703,
      tokens_per_problem: 214,
      tokens_per_solved: 334.4,
      of_samples: { "pass@1": mean(0.64, 0.066), "maj@1": mean(0.64, 0.066), "verifier@1": null },
    },
  ],
};
