"""Time to score the steps of branches that go on, with and without what was read before. Prints JSON.

    python -m tests.benchmarks.bench_critic [--branches 8] [--steps 10] [--step-tokens 24] [--prompt-tokens 60]

All branches share a prompt; each grows by a step and is scored, together with the others, as a search does it.
"""

import argparse
import asyncio
import json
import os
import random
import time
from pathlib import Path

from gpu_node.inference.critic import CACHED_TOKENS_MAX, TorchCritic
from gpu_node.inference.placement import placement_here, threads_set
from gpu_node.model.checkpoint import load_checkpoint

CRITIC = Path(__file__).parents[2] / "gpu_node" / "weights" / "svend-verifier-nano"
ROUNDS = 3


async def searched(critic: TorchCritic, options: argparse.Namespace, seed: int) -> float:
    """Seconds to score all steps of one search."""
    rng = random.Random(seed)
    prompt = [rng.randrange(20, 1000) for _ in range(options.prompt_tokens)]
    branches = [list(prompt) for _ in range(options.branches)]
    started = time.perf_counter()
    for _ in range(options.steps):
        for branch in branches:
            branch += [rng.randrange(20, 1000) for _ in range(options.step_tokens)]
        await asyncio.gather(*(critic.score([branch]) for branch in branches))
    return time.perf_counter() - started


async def bench(options: argparse.Namespace) -> dict[str, object]:
    placement = placement_here()
    model, _ = load_checkpoint(CRITIC, dtype=placement.dtype, device=placement.device)
    threads_set(model.num_parameters)
    seconds = {}
    for name, cached_tokens_max in (("anew", 0), ("going on", CACHED_TOKENS_MAX)):
        critic = TorchCritic(model, cached_tokens_max=cached_tokens_max)
        seconds[name] = round(min([await searched(critic, options, seed) for seed in range(ROUNDS)]), 3)
        critic.close()
    ratio = round(seconds["anew"] / seconds["going on"], 2)
    return {"device": placement.device, "seconds": seconds, "ratio": ratio, "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--step-tokens", type=int, default=24)
    parser.add_argument("--prompt-tokens", type=int, default=60)
    options = parser.parse_args()
    print(json.dumps({"bench": "critic", **vars(options), **asyncio.run(bench(options))}))


if __name__ == "__main__":
    main()
