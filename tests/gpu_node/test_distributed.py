"""2 and 4 ranks over gloo take the steps of one, and each world size goes on from the checkpoint of another."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_node.data.packing import Batch
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.training.distributed import World
from gpu_node.training.sharded_state import STATE_INDEX_FILE, StateIndex
from gpu_node.training.trainer import LAST_FOLDER
from tests.gpu_node.gang_steps import CASES, NUM_STEPS, leg, losses, trainer_at

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-5


def gang_run(folder: Path, *, size: int, step: int) -> dict[str, dict[str, list[float]]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
    command += ["-m", "tests.gpu_node.gang_steps", str(folder), str(step)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-12_000:]  # the first rank to fail is far above
    told: dict[str, dict[str, list[float]]] = json.loads((folder / f"told-{size}.json").read_text())
    return told


@pytest.mark.distributed
@pytest.mark.timeout(400)
def test_one_training_goes_from_1_to_2_to_4_to_1_ranks_and_no_loss_tells(tmp_path: Path) -> None:
    alone = {}
    for name, case in CASES.items():
        trainer = trainer_at(tmp_path / name / "alone", case, World())
        alone[name] = [losses(trainer) for _ in range(4)]
        assert leg(tmp_path / name, case, World(), 0) == alone[name][0]
    for number, size in ((1, 2), (2, 4)):
        told = gang_run(tmp_path, size=size, step=number * NUM_STEPS)
        for name in CASES:
            assert told[name]["anew"] == pytest.approx(alone[name][0], abs=TOLERANCE), name
            assert told[name]["resumed"] == pytest.approx(alone[name][number], abs=TOLERANCE), name
    # What 4 ranks merged computes what their adapter does.
    adapted = tmp_path / "adapter by preference"
    resumed, merged = trainer_at(adapted, CASES[adapted.name], World()), load_checkpoint(adapted / LAST_FOLDER)[0]
    assert resumed.resume(adapted / "checkpoints" / f"step-{3 * NUM_STEPS}")
    ids = torch.arange(20, 60)[None]
    assert torch.allclose(merged(ids), resumed.model(ids), atol=TOLERANCE)
    for name, case in CASES.items():
        assert leg(tmp_path / name, case, World(), 3 * NUM_STEPS) == pytest.approx(alone[name][3], abs=TOLERANCE), name
        _has_a_file_of_each_rank(tmp_path / name / "checkpoints", size=4, step=3 * NUM_STEPS)


def _has_a_file_of_each_rank(checkpoints: Path, *, size: int, step: int) -> None:
    folder = checkpoints / f"step-{step}"
    index = StateIndex.model_validate_json((folder / STATE_INDEX_FILE).read_bytes())
    files = {f"optimiser-{rank:05d}-000.safetensors" for rank in range(size)}
    assert {part.file for stored in index.tensors.values() for part in stored.parts} == files
    assert index.world_size == size
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    assert not [path for path in checkpoints.iterdir() if path.name.startswith(".")]


def test_a_rank_without_a_row_counts_for_nothing() -> None:
    batch = Batch(
        ids_BT=np.ones((1, 16), np.int64),
        weights_BT=np.ones((1, 16), np.float32),
        labels_BT=np.zeros((1, 16), np.float32),
        groups_B=np.zeros(1, np.int16),
        rows_B=np.zeros(1, np.int64),
    )
    parts = [part for rank in range(2) for part in World(rank=rank, size=2).parts(batch, "language")]
    assert [scale for _, scale in parts] == [2.0, 0.0]
    assert [len(part.ids_BT) for part, _ in parts] == [1, 1]
