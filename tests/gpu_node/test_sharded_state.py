"""A checkpoint's optimiser state is whole or refused: one sentence says what is wrong with it, and what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_node.model import checkpoint
from gpu_node.training import sharded_state
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import LAST_FOLDER
from tests.gpu_node.test_trainer import trainer_at

PART = "optimiser-00000-000.safetensors"


@pytest.fixture
def last(tmp_path: Path) -> Path:
    trainer = trainer_at(tmp_path)
    trainer.step()
    trainer.save()
    return tmp_path / LAST_FOLDER


def index_changed(last: Path, change: Callable[[dict], None]) -> None:
    index = json.loads((last / sharded_state.STATE_INDEX_FILE).read_text())
    change(index)
    (last / sharded_state.STATE_INDEX_FILE).write_text(json.dumps(index))


def refusal(last: Path) -> str:
    with pytest.raises(JobRefused) as refused:
        trainer_at(last.parent).resume()
    assert refused.value.cause == "bad_input"
    assert refused.value.cure
    return str(refused.value)


def test_a_missing_part_a_cut_one_and_a_broken_index_are_named(last: Path) -> None:
    whole = (last / PART).read_bytes()
    (last / PART).write_bytes(whole[:-100])
    assert "cannot be read" in refusal(last)
    (last / PART).unlink()
    assert "cannot be read" in refusal(last)
    (last / sharded_state.STATE_INDEX_FILE).write_text("{}")
    assert "cannot be read" in refusal(last)


def test_a_missing_or_extra_tensor_is_named(last: Path) -> None:
    lost = "model.norm.weight"

    def rename(index: dict) -> None:
        tensors = index["tensors"]
        tensors |= {f"else.{key}": tensors.pop(key) for key in list(tensors) if key.startswith(lost)}

    index_changed(last, rename)
    assert refusal(last) == "the checkpoint's optimiser state lacks 'model.norm.weight'"
    index_changed(last, lambda index: index["tensors"].update({f"{lost}:step": {"shape": [], "parts": []}}))
    assert refusal(last) == "the checkpoint's optimiser state has 'else.model.norm.weight'"


def test_missing_rows_are_counted(last: Path) -> None:
    key = "model.embed_tokens.weight:exp_avg"
    index_changed(last, lambda index: index["tensors"][key]["parts"][0].update(num_rows=60))
    assert refusal(last) == f"the checkpoint's {key!r} has 60 of 128 rows"


def test_the_state_of_another_optimizer_is_refused(last: Path) -> None:
    trainer = trainer_at(last.parent / "other", how={"optim": OptimConfig(warmup_steps=5, optimizer="adamw8bit")})
    with pytest.raises(JobRefused, match="is of the optimizer 'muon', not 'adamw8bit'"):
        trainer.resume(last)


def test_a_large_state_is_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checkpoint, sharded_state):
        monkeypatch.setattr(module, "SHARD_BYTES_MAX", 100_000)
    trainer = trainer_at(tmp_path)
    trainer.step()
    trainer.save()
    names = {path.name for path in (tmp_path / LAST_FOLDER).glob("*.safetensors")}
    assert {PART, "optimiser-00000-001.safetensors"} < names
    assert any(name.startswith("model-00002-of-") for name in names)
    again = trainer_at(tmp_path)
    assert again.resume()
    assert again.step().item() == trainer.step().item()
