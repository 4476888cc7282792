"""A `train` job: joins its gang, takes its order's inputs, and trains.

Not here: what a spec becomes (trainer_make.py), the loop (trainer.py), who starts it (run_job.py).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from gpu_node.protocol.job_spec import TrainSpec
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.distributed import World
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_frames import JobLog
from gpu_node.training.job_inputs import data_file, input_folder
from gpu_node.training.trainer import RunPace, Trainer
from gpu_node.training.trainer_make import TrainInputs, trainer_make

METRIC_FRAMES_MAX = 2_000  # of one training: short runs tell each step
PEER_TIMEOUT = timedelta(minutes=10)  # a rank that says nothing for so long is lost
# What the first rank of a gang's other nodes tells: its node has a log of its own, but the training is told once.
NODE_KINDS = frozenset({"job.started", "job.paused", "job.resumed", "job.finished", "job.cancelled", "job.failed"})


def train_job(attempt: AttemptFolder, spec: TrainSpec, log: JobLog) -> None:
    """Raises JobRefused for what the spec or an input lacks; whatever the trainer raises."""
    world = world_join()
    try:
        if not world.is_first:
            is_nodes_first = os.environ.get("LOCAL_RANK") == "0"
            log = JobLog(attempt.frames, echo=False, kinds=NODE_KINDS if is_nodes_first else frozenset())
        trainer = trainer_make(
            spec,
            _inputs(attempt, spec),
            folder=attempt.path,
            log=log,
            world=world,
            pace=RunPace(
                time_budget_seconds=spec.time_budget_seconds,
                checkpoint_steps=spec.checkpoint_steps,
                log_steps=max(1, spec.num_steps // METRIC_FRAMES_MAX),
                is_recomputing=spec.is_recomputing,
            ),
            control=lambda: attempt.control,
        )
        resume = input_folder(attempt, "resume")
        if resume is not None:
            _resume(trainer, resume)
        trainer.train()
    finally:
        if world.size > 1:
            dist.destroy_process_group()


def _resume(trainer: Trainer, folder: Path) -> None:
    try:
        if trainer.resume(folder):
            return
    except JobRefused:
        raise
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise JobRefused("bad_input", f"the checkpoint to resume from is not of this training: {error}") from error
    raise JobRefused("bad_input", "the checkpoint to resume from holds no trainer state")


def world_join() -> World:
    """The gang as torchrun's environment names it; alone without one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device=device)
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PEER_TIMEOUT)
    ranks_per_node = int(os.environ["LOCAL_WORLD_SIZE"])  # these share a disk
    return World(rank=dist.get_rank(), size=size, ranks_per_node=ranks_per_node, device=device)


def _inputs(attempt: AttemptFolder, spec: TrainSpec) -> TrainInputs:
    return TrainInputs(
        parent=_named(attempt, "parent", spec.parent),
        teacher=_named(attempt, "teacher", spec.teacher),
        data=data_file(attempt) if spec.data.source != "families" else None,
        rows=attempt.path.parent / "rows",
    )


def _named(attempt: AttemptFolder, role: str, name: str | None) -> Path | None:
    folder = input_folder(attempt, role)
    if folder is None and name is not None:
        raise JobRefused("bad_input", f"the spec names the {role} {name!r}, but the order has no such input")
    return folder
