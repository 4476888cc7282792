"""`python -m gpu_node train`: the shipped recipe, or a preset on rows that lie on disk.

Not here: what the recipe is (gpu_node/recipes), jobs launched by the platform.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from gpu_node.data.packing import EpochOrder, pool_load
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.model.config import PRESETS
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.training.job_frames import JobLog
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

SECONDS = {"s": 1, "m": 60, "h": 3600}


def train_command(arguments: list[str]) -> int:
    """Exit code 0 when trained to the end, 3 when the time budget ended it: the same command goes on from there."""
    if arguments and arguments[0] == "nano":
        # Imported only here: the recipes stand on the trainer, and need the tools too.
        from gpu_node.recipes.train_nano import main

        return main(arguments[1:])
    options = _parser().parse_args(arguments)
    model_config = PRESETS[options.preset]
    pool = pool_load(options.rows)
    tokenizer_files = {}
    if options.tokenizer is not None:
        tokenizer = tokenizer_load(options.tokenizer)
        model_config = replace(model_config, vocab_size=max(model_config.vocab_size, tokenizer.get_vocab_size()))
        tokenizer_files = {"tokenizer.json": tokenizer.to_str()}
    config = TrainConfig(
        objective="language",
        model=model_config,
        num_steps=options.steps,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        optim=OptimConfig(),
    )
    model = Transformer(model_config)
    initialise(model, seed=options.seed)
    trainer = Trainer(
        config=config,
        model=model,
        order=EpochOrder(pool, batch_tokens=options.batch_tokens, seed=options.seed),
        folder=options.out,
        log=JobLog(options.out / "job.ndjson"),
        pace=RunPace(time_budget_seconds=options.time_budget, has_progress_bar=True, is_compiled=options.compile),
        tokenizer_files=tokenizer_files,
    )
    trainer.resume()
    return 0 if trainer.train() else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_node train",
        description="`train nano` runs the shipped recipe (also `make train-nano`); otherwise a preset on rows.",
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="nano")
    parser.add_argument("--rows", type=Path, required=True, help="a pool of rows (.npz, gpu_node/data/packing.py)")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a state found there is taken up")
    parser.add_argument("--tokenizer", type=Path, help="folder with tokenizer.json, kept beside the checkpoint")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-budget", type=duration_seconds, help="e.g. 25m: the schedule then follows the clock")
    parser.add_argument("--compile", action="store_true")
    return parser


def duration_seconds(text: str) -> float:
    """Seconds of 90s, 25m, 1.5h."""
    unit = SECONDS.get(text[-1:])
    try:
        seconds = float(text[:-1]) * unit if unit else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: say 90s, 25m or 1.5h")
    return seconds
