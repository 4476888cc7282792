"""What torch's own allocator records of a training: the largest sum of bytes that it held at once."""

import gc
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from gpu_node.data.packing import Batch
from gpu_node.model.transformer import Transformer
from gpu_node.training.distributed import World
from gpu_node.training.job_frames import JobLog
from gpu_node.training.memory_parts import Workload
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer

ROWS = 4  # of each rank's turn


class OneBatch:
    """The same full rows at every step."""

    def __init__(self, tokens: int, num_rows: int, vocab_size: int) -> None:
        shape = (num_rows, tokens // num_rows)
        ids = np.random.default_rng(0).integers(5, vocab_size, shape)
        ones = np.ones(shape, np.float32)
        self._batch = Batch(
            ids_BT=ids,
            weights_BT=ones,
            labels_BT=ones,
            groups_B=np.zeros(num_rows, np.int16),
            rows_B=np.arange(num_rows),
        )

    def batch(self, step: int) -> Batch:
        return self._batch


def trainer_of(
    work: Workload, model: Transformer, *, folder: Path, num_rows: int, world: World | None = None
) -> Trainer:
    """Of the workload, on full rows of random ids, `num_rows` to a turn."""
    num_parts = work.accumulation_steps * work.num_ranks
    return Trainer(
        config=TrainConfig(
            objective="score" if work.config.has_score_head else "language",
            model=work.config,
            num_steps=4,
            batch_tokens=work.tokens * num_parts,
            seed=1,
            optim=OptimConfig(optimizer=work.optimizer),
            is_autocast=work.is_autocast,
            accumulation_steps=work.accumulation_steps,
            weight_dtype=work.weight_dtype,
            is_stepping_early=work.is_stepping_early,
        ),
        model=model,
        order=OneBatch(work.tokens * num_parts, num_rows * num_parts, work.config.vocab_size),
        folder=folder,
        log=JobLog(folder / "job.ndjson", echo=False),
        pace=RunPace(is_recomputing=work.is_recomputing),
        world=world,
    )


def peak_on_gpu(folder: Path, work: Workload) -> int:
    """Bytes that torch's CUDA allocator held at most, from an empty trainer through two steps."""
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainer = trainer_of(work, Transformer(work.config), folder=folder, num_rows=ROWS, world=World(device="cuda"))
    for _ in range(2):
        trainer.step()
    return torch.cuda.max_memory_allocated() - before


def peak_measured(folder: Path, work: Workload, world: World | None = None) -> int:
    """Bytes that torch's CPU allocator held at most in this process, from an empty trainer through two steps."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        trainer = trainer_of(work, Transformer(work.config), folder=folder, num_rows=ROWS, world=world)
        for _ in range(2):
            trainer.step()
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]).max())
