"""Run by torchrun in test_distributed.py: a gang takes the first steps of each case anew, then goes on from the
checkpoint of another world size, and leaves one. The losses lie in told-SIZE.json.

Usage: python -m tests.gpu_node.gang_steps FOLDER STEP
"""

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
import torch.distributed as dist

from gpu_node.data.packing import EpochOrder, RowPool
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.training.distillation import DistillLoss, ModelTeacher
from gpu_node.training.distributed import World
from gpu_node.training.job_frames import JobLog
from gpu_node.training.lora import LoraConfig
from gpu_node.training.optim import OptimConfig
from gpu_node.training.part_loss import PartLoss
from gpu_node.training.preference import PreferenceLoss
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer
from tests.gpu_node.objective_cast import pairs_pool
from tests.gpu_node.test_trainer import TINY, pool_of_counts

MODEL = replace(TINY, vocab_size=130, num_layers=2)  # 130 rows: no equal shares for 4 ranks
NUM_STEPS = 4  # of each leg


@dataclass(frozen=True)
class Case:
    objective: Literal["language", "score", "distill", "preference"] = "language"
    optimizer: Literal["muon", "adamw", "adamw8bit"] = "muon"
    turns: int = 1
    is_recomputing: bool = False
    lora: LoraConfig | None = None
    is_spread: bool = False  # each rank as if on a node of its own, which does not share the first one's disk


CASES = {
    "reasoner": Case(),
    "reasoner in turns, recomputing": Case(optimizer="adamw", turns=2, is_recomputing=True),
    "reasoner in 8 bits": Case(optimizer="adamw8bit", turns=2),
    "verifier": Case(objective="score", is_spread=True),
    # Not under AdamW: it divides a fresh verifier's tiny gradients by their own size, and so the rounding of sums.
    # Even one rank alone, in turns, leaves its own curve after 10 steps.
    "verifier in turns, recomputing": Case(objective="score", turns=2, is_recomputing=True),
    "student": Case(objective="distill", turns=2, is_spread=True),
    "adapter by preference": Case(
        objective="preference", turns=2, lora=LoraConfig(rank=6, alpha=12.0, targets=("q_proj", "down_proj"))
    ),
}


def loss_of(case: Case, pool: RowPool, world: World) -> PartLoss | None:
    if case.objective == "preference":
        return PreferenceLoss(pool, beta=0.3, batch_tokens=512, is_autocast=False)
    if case.objective == "distill":
        model = Transformer(MODEL)
        initialise(model, seed=8)
        teacher = ModelTeacher(model)
        teacher.shard(world)
        return DistillLoss(teacher, temperature=2.0, share=0.5)
    return None


def trainer_at(folder: Path, case: Case, world: World) -> Trainer:
    model_config = replace(MODEL, has_score_head=case.objective == "score")
    model = Transformer(model_config)
    initialise(model, seed=7)
    pool = pairs_pool() if case.objective == "preference" else pool_of_counts()
    config = TrainConfig(
        objective=case.objective,
        model=model_config,
        num_steps=20,
        batch_tokens=512,
        seed=7,
        optim=OptimConfig(warmup_steps=5, optimizer=case.optimizer),
        is_autocast=False,
        accumulation_steps=case.turns,
        lora=case.lora,
    )
    return Trainer(
        config=config,
        model=model,
        order=EpochOrder(pool, batch_tokens=512, seed=7),
        folder=folder,
        log=JobLog(folder / f"job-{world.size}-{world.rank}.ndjson", echo=False),
        world=replace(world, ranks_per_node=1) if case.is_spread else world,
        pace=RunPace(is_recomputing=case.is_recomputing, checkpoint_steps=NUM_STEPS),
        loss=loss_of(case, pool, world),
    )


def losses(trainer: Trainer) -> list[float]:
    trainer._loss.prepare(trainer.model, trainer.world)
    return [trainer.step().item() for _ in range(NUM_STEPS)]


def leg(folder: Path, case: Case, world: World, step: int) -> list[float]:
    """The steps from checkpoint `step` on (0: from none), the last one saved."""
    trainer = trainer_at(folder, case, world)
    assert step == 0 or trainer.resume(folder / "checkpoints" / f"step-{step}")
    told = losses(trainer)
    trainer.save()
    if trainer.config.lora is not None:
        trainer.pace = RunPace()  # into another folder: what it would end with, merged
        trainer.save(is_last=True)
    return told


def main(folder: Path, step: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    size = dist.get_world_size()
    world = World(rank=dist.get_rank(), size=size, ranks_per_node=size)
    told = {}
    for name, case in CASES.items():
        anew = losses(trainer_at(folder / name / f"anew-{size}", case, world))
        told[name] = {"anew": anew, "resumed": leg(folder / name, case, world, step)}
    if world.is_first:
        (folder / f"told-{size}.json").write_text(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    assert "RANK" in os.environ, "run it by torchrun"
    main(Path(sys.argv[1]), int(sys.argv[2]))
