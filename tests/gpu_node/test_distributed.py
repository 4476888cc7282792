"""Two ranks over gloo take the steps of one, resume exactly, and their checkpoint is anybody's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gpu_node.data.packing import Batch
from gpu_node.training.distributed import World
from gpu_node.training.trainer import LAST_FOLDER
from tests.gpu_node.gang_resume import losses, trainer_at

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(240)
def test_a_gang_trains_as_one_rank_does_and_resumes_exactly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.gpu_node.gang_resume", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-12_000:]  # the first rank to fail is far above
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["resumed"] == told["whole"]
    assert told["in_turns"] == pytest.approx(told["first"], abs=1e-5)
    alone = trainer_at(tmp_path / "alone", World())
    assert [*losses(alone), *losses(alone)] == pytest.approx([*told["first"], *told["whole"]], abs=1e-5)
    moved = trainer_at(tmp_path / "moved", World())
    assert moved.resume(tmp_path / "whole" / LAST_FOLDER)
    assert losses(moved) == pytest.approx(told["whole"], abs=1e-5)


def test_a_rank_without_a_row_counts_for_nothing() -> None:
    batch = Batch(
        ids_BT=np.ones((1, 16), np.int64),
        weights_BT=np.ones((1, 16), np.float32),
        labels_BT=np.zeros((1, 16), np.float32),
        groups_B=np.zeros(1, np.int16),
    )
    parts = [part for rank in range(2) for part in World(rank=rank, size=2).parts(batch, "language")]
    assert [scale for _, scale in parts] == [2.0, 0.0]
    assert [len(part.ids_BT) for part, _ in parts] == [1, 1]
