"""Run by torchrun in test_distributed.py: two ranks stop and resume; prints what the test compares.

Usage: python -m tests.gpu_node.gang_resume FOLDER
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist

from gpu_node.data.packing import EpochOrder
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.training.distributed import World
from gpu_node.training.job_frames import JobLog
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import LAST_FOLDER, RunPace, TrainConfig, Trainer
from tests.gpu_node.test_trainer import TINY, pool_of_counts

CONFIG = TrainConfig(
    objective="language",
    model=TINY,
    num_steps=20,
    batch_tokens=512,
    seed=7,
    optim=OptimConfig(warmup_steps=5),
    is_autocast=False,
)
NUM_STEPS = 6


def trainer_at(folder: Path, world: World, *, turns: int = 1) -> Trainer:
    """With more turns than one it also computes its activations twice: all that saves memory at once."""
    model = Transformer(TINY)
    initialise(model, seed=7)
    order = EpochOrder(pool_of_counts(), batch_tokens=512, seed=7)
    log = JobLog(folder / f"job{world.rank}.ndjson", echo=False)
    config, pace = replace(CONFIG, accumulation_steps=turns), RunPace(is_recomputing=turns > 1)
    return Trainer(config=config, model=model, order=order, folder=folder, log=log, world=world, pace=pace)


def losses(trainer: Trainer) -> list[float]:
    return [trainer.step().item() for _ in range(NUM_STEPS)]


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    world = World(rank=dist.get_rank(), size=dist.get_world_size())
    whole = trainer_at(folder / "whole", world)
    first = losses(whole)
    whole.save()
    dist.barrier()
    resumed = trainer_at(folder / "resumed", world)
    resumed.resume(folder / "whole" / LAST_FOLDER)
    told = {"first": first, "whole": losses(whole), "resumed": losses(resumed)}
    told["in_turns"] = losses(trainer_at(folder / "in_turns", world, turns=2))
    if world.is_first:
        (folder / "told.json").write_text(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    assert "RANK" in os.environ, "run it by torchrun"
    main(Path(sys.argv[1]))
