"""What sharing the computed prefix is worth to a search: beam 4x4 by forks, and with every branch computed anew.

    python -m tests.benchmarks.bench_search [--model-path gpu_node/weights/svend-nano] [--question-tokens 48 400]

Random weights of the nano preset by default: the same work, other words. The tree is fixed (8 children of 4 places, 4
steps of `--step` tokens, then 4 answers), so that both ways generate the same number of tokens. Prints JSON.
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

from gpu_node.inference.backend import SamplingParams, Sequence
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.placement import threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import PRESETS
from gpu_node.model.transformer import Transformer

WIDTH, CHILDREN, DEPTH = 4, 2, 4
ROUNDS = 5


async def grown(sequence: Sequence, num_new: int) -> list[int]:
    ids = [i async for chunk in sequence.generate(stop_ids=frozenset(), max_new_tokens=num_new) for i in chunk]
    assert len(ids) == num_new
    return ids


async def searched(engine: TorchEngine, prompt: list[int], *, num_step: int, is_forked: bool) -> float:
    """One beam; returns its seconds."""
    started = time.perf_counter()
    kept: list[tuple[Sequence, list[int]]] = [(engine.open(prompt, SamplingParams()), prompt)]
    seed = 0
    for step in range(DEPTH + 1):
        num_children = WIDTH * CHILDREN if step < DEPTH else WIDTH
        children: list[tuple[Sequence, list[int]]] = []
        for number in range(num_children):
            parent, ids = kept[number % len(kept)]
            seed += 1
            params = SamplingParams(temperature=0.8, seed=seed)
            children.append((await parent.fork(params) if is_forked else engine.open(ids, params), ids))
        made = await asyncio.gather(*(grown(sequence, num_step) for sequence, _ in children))
        for sequence, _ in kept:
            sequence.close()
        ended = [(sequence, ids + new) for (sequence, ids), new in zip(children, made, strict=True)]
        kept = ended[:WIDTH]
        for sequence, _ in ended[WIDTH:]:
            sequence.close()
    for sequence, _ in kept:
        sequence.close()
    return time.perf_counter() - started


async def measured(engine: TorchEngine, *, num_prompt: int, num_step: int) -> dict[str, float]:
    rng = random.Random(num_prompt)
    prompt = [rng.randrange(20, 1000) for _ in range(num_prompt)]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for is_forked in (True, False):  # in turns: a busy moment of the machine meets both
            seconds[is_forked].append(await searched(engine, prompt, num_step=num_step, is_forked=is_forked))
    forked, anew = statistics.median(seconds[True]), statistics.median(seconds[False])
    return {
        "fork_seconds": round(forked, 3),
        "prefill_seconds": round(anew, 3),
        "times_faster": round(anew / forked, 2),
    }


async def bench(engine: TorchEngine, question_tokens: list[int], num_step: int) -> dict[str, object]:
    await searched(engine, list(range(20, 40)), num_step=4, is_forked=True)  # warm
    return {
        f"question_{num_prompt}": await measured(engine, num_prompt=num_prompt, num_step=num_step)
        for num_prompt in question_tokens
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", type=Path)
    parser.add_argument("--question-tokens", type=int, nargs="+", default=[48, 200, 350])
    parser.add_argument("--step", type=int, default=24)
    options = parser.parse_args()
    model = load_checkpoint(options.model_path)[0] if options.model_path else Transformer(PRESETS["nano"])
    threads_set(model.num_parameters)
    engine = TorchEngine(model)
    result = asyncio.run(bench(engine, options.question_tokens, options.step))
    engine.close()
    about = {"model": str(options.model_path or "nano preset, random weights"), "num_parameters": model.num_parameters}
    about |= {"beam": f"{WIDTH}x{DEPTH}", "step_tokens": options.step, "context_tokens": engine.context_tokens}
    about |= {"cores": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    print(json.dumps({"bench": "search", **about, **result}))


if __name__ == "__main__":
    main()
