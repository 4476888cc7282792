"""Tokens a second of the engine, one request and eight at once, and the time to the first token. Prints JSON.

    python -m tests.benchmarks.bench_engine [--model-path gpu_node/weights/svend-nano] [--new 96]

Without a folder it uses random weights of the nano preset: the same work, other words.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from pathlib import Path

import torch

from gpu_node.inference.backend import SamplingParams
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.placement import placement_here, threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import PRESETS
from gpu_node.model.transformer import Transformer

PROMPT_TOKENS = 48
ROUNDS = 5


async def one(engine: TorchEngine, *, seed: int, num_new: int) -> float:
    """Runs one request; returns seconds to its first token."""
    rng = random.Random(seed)
    prompt = [rng.randrange(20, 1000) for _ in range(PROMPT_TOKENS)]
    sequence = engine.open(prompt, SamplingParams(seed=seed))
    started, first = time.perf_counter(), 0.0
    async for _ in sequence.generate(stop_ids=frozenset(), max_new_tokens=num_new):
        first = first or time.perf_counter() - started
    sequence.close()
    return first


async def measured(engine: TorchEngine, *, width: int, num_new: int) -> dict[str, float]:
    rates, firsts = [], []
    for number in range(ROUNDS):
        started = time.perf_counter()
        firsts += await asyncio.gather(*(one(engine, seed=number * 100 + row, num_new=num_new) for row in range(width)))
        rates.append(width * num_new / (time.perf_counter() - started))
    return {
        "tokens_per_second": round(statistics.median(rates), 1),
        "first_token_ms_p50": round(1000 * statistics.median(firsts), 2),
    }


async def bench(engine: TorchEngine, num_new: int) -> dict[str, object]:
    await measured(engine, width=1, num_new=16)  # warm
    results = {f"requests_{width}": await measured(engine, width=width, num_new=num_new) for width in (1, 2, 4, 8, 16)}
    ratio = results["requests_8"]["tokens_per_second"] / results["requests_1"]["tokens_per_second"]
    return {**results, "ratio_8_to_1": round(ratio, 2)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", type=Path)
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    placement = placement_here()
    if options.model_path:
        model, _ = load_checkpoint(options.model_path, dtype=placement.dtype, device=placement.device)
    else:
        model = Transformer(PRESETS["nano"]).to(placement.device, placement.dtype)
    threads_set(model.num_parameters)
    if options.threads:
        torch.set_num_threads(options.threads)
    engine = TorchEngine(model)
    result = asyncio.run(bench(engine, options.new))
    engine.close()
    about = {"model": str(options.model_path or "nano preset, random weights"), "num_parameters": model.num_parameters}
    about |= {"device": torch.cuda.get_device_name() if placement.device == "cuda" else "cpu"}
    about |= {"cores": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    print(json.dumps({"bench": "engine", **about, **result}))


if __name__ == "__main__":
    main()
