"""Real steps of the named configurations on this machine's GPU: peak memory beside the plan, and speed. Prints JSON.

    python -m tests.benchmarks.bench_gpu_memory [--only train-7b,serve-7b] [--steps 3]

Trainings run on rows of random ids from random weights, in a process each; a served model answers a prompt that nearly
fills its cache, then one, eight and sixteen short prompts. `mfu` counts 6 operations a parameter and token, 8 where
activations are computed again, over the card's dense bf16 rate.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from gpu_node.inference.backend import SamplingParams
from gpu_node.inference.engine import TorchEngine
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import INIT_STD, Transformer
from gpu_node.recipes.large_models import SERVING, TRAINING, ServeConfiguration, TrainConfiguration
from gpu_node.training.distributed import World
from gpu_node.training.memory_parts import num_parameters, peak_parts, serving_parts, workload_of
from tests.gpu_node.memory_measured import trainer_of

FLOPS_PER_SECOND = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # dense bf16, the vendor's data sheets
NUM_NEW = 128  # tokens of a timed answer
SHORT_TOKENS = 48


def model_on_gpu(config: ModelConfig, dtype: torch.dtype) -> Transformer:
    """Random weights made there: drawing 13 billion numbers on a CPU takes minutes."""
    with torch.device("meta"):
        model = Transformer(config).to(dtype)
    model = model.to_empty(device="cuda")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, INIT_STD)
            else:
                parameter.fill_(1.0)
    return model


def memory() -> dict[str, int]:
    free, total = torch.cuda.mem_get_info()
    return {
        "allocated_bytes": torch.cuda.max_memory_allocated(),
        "reserved_bytes": torch.cuda.max_memory_reserved(),
        "device_bytes": total - free,  # with the CUDA context
    }


def trained(named: TrainConfiguration, num_steps: int) -> dict[str, object]:
    work = workload_of(named.spec, named.config, "cuda")
    moment, parts = peak_parts(work)
    model = model_on_gpu(work.config, getattr(torch, work.weight_dtype))
    num_rows = work.tokens // named.spec.data.row_tokens_max
    losses, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(work, model, folder=Path(folder), num_rows=num_rows, world=World(device="cuda"))
        torch.cuda.reset_peak_memory_stats()
        for _ in range(num_steps):
            started = time.perf_counter()
            losses.append(round(trainer.step().item(), 4))
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    tokens = work.tokens * work.accumulation_steps
    rate = tokens / min(seconds)
    planned = sum(parts.values()) - parts["runtime"]
    peak = next((flops for name, flops in FLOPS_PER_SECOND.items() if name in torch.cuda.get_device_name()), None)
    operations = (8 if work.is_recomputing else 6) * num_parameters(work.config)
    return {
        "num_parameters": model.num_parameters,
        "tokens_per_step": tokens,
        "moment": moment,
        "planned_bytes": planned,
        "planned_parts": parts,
        **(measured := memory()),
        "planned_to_allocated": round(planned / measured["allocated_bytes"], 3),
        "limit_bytes": named.memory_bytes_max,
        "losses": losses,
        "step_seconds": [round(s, 3) for s in seconds],
        "tokens_per_second": round(rate),
        "mfu": round(rate * operations / peak, 3) if peak else None,
    }


async def answered(engine: TorchEngine, *, num_prompt: int, num_new: int, width: int) -> tuple[float, float]:
    """(seconds to the first token, seconds in all) of `width` prompts at once."""
    rng, started, first = random.Random(1), time.perf_counter(), 0.0

    async def one() -> None:
        nonlocal first
        prompt = [rng.randrange(20, 1000) for _ in range(num_prompt)]
        sequence = engine.open(prompt, SamplingParams(seed=1))
        async for _ in sequence.generate(stop_ids=frozenset(), max_new_tokens=num_new):
            first = first or time.perf_counter() - started
        sequence.close()

    await asyncio.gather(*(one() for _ in range(width)))
    return first, time.perf_counter() - started


async def served(named: ServeConfiguration) -> dict[str, object]:
    serving = named.serving
    engine = TorchEngine(model_on_gpu(serving.config, torch.bfloat16))
    await answered(engine, num_prompt=SHORT_TOKENS, num_new=8, width=1)  # warm
    torch.cuda.reset_peak_memory_stats()
    num_prompt = serving.cached_tokens - NUM_NEW - 1
    first, whole = await answered(engine, num_prompt=num_prompt, num_new=NUM_NEW, width=1)
    measured = memory()
    planned = sum(parts.values()) - parts["runtime"] if (parts := serving_parts(serving)) else 0
    result: dict[str, object] = {
        "planned_bytes": planned,
        "planned_parts": parts,
        **measured,
        "planned_to_allocated": round(planned / measured["allocated_bytes"], 3),
        "prompt_tokens": num_prompt,
        "prompt_tokens_per_second": round(num_prompt / first),
        "tokens_per_second_at_a_full_context": round((NUM_NEW - 1) / (whole - first), 1),
    }
    for width in (1, 8, 16):
        _, whole = await answered(engine, num_prompt=SHORT_TOKENS, num_new=NUM_NEW, width=width)
        result[f"tokens_per_second_{width}"] = round(width * NUM_NEW / whole, 1)
    engine.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join([*TRAINING, *SERVING]))
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"bench": "gpu_memory", "not_run": "torch sees no CUDA device here"}))
        return
    names = options.only.split(",")
    if len(names) > 1:
        command = [sys.executable, "-m", "tests.benchmarks.bench_gpu_memory", "--steps", str(options.steps), "--only"]
        for name in names:
            subprocess.run([*command, name], check=True)
        return
    (name,) = names
    result = trained(TRAINING[name], options.steps) if name in TRAINING else asyncio.run(served(SERVING[name]))
    about = {"bench": "gpu_memory", "name": name, "device": torch.cuda.get_device_name(), "torch": torch.__version__}
    print(json.dumps(about | result), flush=True)


if __name__ == "__main__":
    main()
