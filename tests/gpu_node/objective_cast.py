"""The cast of the objectives' tests: tiny models, rows of each kind, trainers that stop and resume."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_node.data.labelled_rows import CHOSEN_LEARNT, CHOSEN_READ, REJECTED_LEARNT, REJECTED_READ
from gpu_node.data.packing import EpochOrder, Row, RowPool, pool_build
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import Transformer
from gpu_node.training.attempt_folder import Control
from gpu_node.training.job_frames import JobLog
from gpu_node.training.optim import OptimConfig
from gpu_node.training.part_loss import PartLoss
from gpu_node.training.trainer import RunPace, TrainConfig, Trainer
from tests.gpu_node.tiny_model import tiny_model

CONFIG = ModelConfig(
    vocab_size=64, width=32, num_layers=2, num_heads=2, num_kv_heads=1, mlp_width=64, context_tokens=128, is_tied=True
)
NUM_STEPS = 6
STOP_AFTER = 3


def parent(*, seed: int = 1, **changes: Any) -> Transformer:
    return tiny_model(seed=seed, config=dataclasses.replace(CONFIG, **changes))


def counting_pool(num_rows: int = 40) -> RowPool:
    """Rows that count upwards, the first half read only; labelled at every third place."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(num_rows):
        start, length = int(rng.integers(5, 40)), int(rng.integers(6, 20))
        ids = list(range(start, start + length))
        weights = [0.0] * (length // 2) + [1.0] * (length - length // 2)
        rows.append(Row(ids=ids, weights=weights, labels=[float(i % 3 == 0) for i in range(length)]))
    return pool_build(rows, tokens_max=64)


def pairs_pool(num_pairs: int = 24) -> RowPool:
    """Better answers count upwards, worse ones downwards, of unlike lengths."""
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(num_pairs):
        start, up, down = int(rng.integers(10, 40)), int(rng.integers(2, 8)), int(rng.integers(2, 8))
        prompt = [1, start, start]
        better, worse = list(range(start, start + up)), list(range(start, start - down, -1))
        ids = [*prompt, *better, *prompt, *worse]
        labels = [CHOSEN_READ] * 3 + [CHOSEN_LEARNT] * up + [REJECTED_READ] * 3 + [REJECTED_LEARNT] * down
        rows.append(Row(ids=ids, weights=[1.0] + [0.0] * (len(ids) - 1), labels=labels))
    return pool_build(rows, tokens_max=64)


def trainer_of(
    folder: Path,
    pool: RowPool,
    *,
    objective: str,
    model: Transformer | None = None,
    loss: PartLoss | None = None,
    num_steps: int = NUM_STEPS,
    **how: Any,
) -> Trainer:
    """In fp32, so that a test may compare to the last digits. `how` is of the configuration."""
    model = model or parent(has_score_head=objective == "score")
    config = TrainConfig(
        objective=objective,  # type: ignore[arg-type]
        model=model.config,
        num_steps=num_steps,
        batch_tokens=256,
        seed=5,
        optim=OptimConfig(warmup_steps=2, muon_learning_rate=0.01, adamw_learning_rate=3e-3),
        is_autocast=False,
        **how,
    )
    return Trainer(
        config=config,
        model=model,
        order=EpochOrder(pool, batch_tokens=256, seed=5),
        folder=folder,
        log=JobLog(folder / "job.ndjson", echo=False),
        pace=RunPace(log_steps=1),
        loss=loss,
    )


def resumes_exactly(make: Callable[[Path], Trainer], folder: Path) -> Trainer:
    """`make` gives a fresh trainer each time. Gives the resumed one, after it was found equal to one never stopped."""
    whole = make(folder / "whole")
    assert whole.train()
    asked: list[Control] = ["run"] * STOP_AFTER + ["stop"]
    stopped = make(folder / "stopped")
    stopped.control = lambda: asked.pop(0)
    assert not stopped.train()
    torch.rand(3)  # other work between the two halves must not matter
    resumed = make(folder / "stopped")
    assert resumed.resume()
    assert resumed.num_steps_done == STOP_AFTER
    assert resumed.train()
    for (name, a), b in zip(whole.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    ours, theirs = whole.optimisers.state(), resumed.optimisers.state()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    return resumed


def losses_of(trainer: Trainer, num: int = 3) -> list[float]:
    trainer._loss.prepare(trainer.model, trainer.world)
    return [trainer.step().item() for _ in range(num)]
