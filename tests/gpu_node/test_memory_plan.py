"""The planned memory is what torch's own record of allocations says; what does not fit is refused with what would."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_node.model import chunked_loss
from gpu_node.model.config import PRESETS, ModelConfig, config_to_hf
from gpu_node.protocol.job_spec import DataSpec, TrainSpec
from gpu_node.recipes.large_models import SERVING, TRAINING
from gpu_node.server import loading_torch
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training import adamw8bit, memory_parts
from gpu_node.training.fitting import fitting_changes
from gpu_node.training.memory_parts import Workload, num_parameters, peak_bytes, peak_parts, serving_parts, workload_of
from gpu_node.training.plan_command import plan_command
from tests.gpu_node.memory_measured import ROWS, peak_measured

ROOT = Path(__file__).resolve().parents[2]
GB = 10**9
SMALL = ModelConfig(
    vocab_size=2048, width=256, num_layers=2, num_heads=4, num_kv_heads=2, mlp_width=640, context_tokens=1024
)
ROW_TOKENS = 256
EIGHT_BIT: dict[str, Any] = {"optimizer": "adamw8bit", "weight_dtype": "bfloat16", "is_recomputing": True}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="muon"),
        pytest.param({**EIGHT_BIT, "is_stepping_early": True}, id="8 bits, bf16, recomputing, early"),
        pytest.param({"optimizer": "adamw", "is_autocast": False}, id="fp32", marks=pytest.mark.extra),
        pytest.param({"is_recomputing": True}, id="recomputing", marks=pytest.mark.extra),
        pytest.param({"optimizer": "adamw8bit", "accumulation_steps": 4}, id="turns", marks=pytest.mark.extra),
        pytest.param({**EIGHT_BIT, "vocab": 128}, id="a layer is the largest", marks=pytest.mark.extra),
        pytest.param({"tokens": 64, "optimizer": "adamw"}, id="the step is the largest", marks=pytest.mark.extra),
        pytest.param({"has_score_head": True, "vocab": 128}, id="verifier", marks=pytest.mark.extra),
        pytest.param({"has_score_head": True, **EIGHT_BIT}, id="verifier in 8 bits", marks=pytest.mark.extra),
    ],
)
def test_the_plan_is_within_a_tenth_of_torchs_own_accounting(tmp_path: Path, how: dict[str, Any]) -> None:
    how = dict(how)
    config = replace(
        SMALL, vocab_size=how.pop("vocab", SMALL.vocab_size), has_score_head=how.pop("has_score_head", False)
    )
    work = Workload(config=config, tokens=how.pop("tokens", ROWS * ROW_TOKENS), **how)
    moment, parts = peak_parts(work)
    planned = sum(parts.values()) - parts["runtime"]
    measured = peak_measured(tmp_path, work)
    print(json.dumps({"moment": moment, "planned": planned, "measured": measured, "ratio": planned / measured}))
    assert planned == pytest.approx(measured, rel=0.10)


def test_the_plan_and_the_code_agree_on_their_limits() -> None:
    assert memory_parts.LOGITS_BYTES_MAX == chunked_loss.LOGITS_BYTES_MAX
    assert memory_parts.BLOCK == adamw8bit.BLOCK
    assert memory_parts.STEP_NUMBERS_MAX == adamw8bit.STEP_NUMBERS_MAX


@pytest.mark.parametrize("name", sorted(TRAINING))
def test_a_named_training_stays_within_its_limit(name: str) -> None:
    named = TRAINING[name]
    _, parts = peak_parts(workload_of(named.spec, named.config, "cuda"))
    assert sum(parts.values()) <= named.memory_bytes_max


def test_the_weights_of_a_served_13b_take_26_gb_and_of_a_7b_14_gb() -> None:
    for name, named in SERVING.items():
        assert serving_parts(named.serving)["weights"] <= named.weight_bytes_max, name


@pytest.mark.parametrize("size", ["1b", "7b", "13b"])
@pytest.mark.parametrize("gb", [24, 48, 80])
def test_what_does_not_fit_is_told_what_would(size: Any, gb: int) -> None:
    spec = TrainSpec(model_size=size, batch_tokens=65_536, data=DataSpec(row_tokens_max=2_048))
    config = PRESETS[size]
    assert peak_bytes(spec, config, "cuda") > gb * GB
    changes = fitting_changes(spec, config, device="cuda", num_devices=8, memory_bytes=gb * GB)
    changed = TrainSpec.model_validate(spec.model_dump() | changes)
    assert peak_bytes(changed, config, "cuda") <= gb * GB
    assert list(changes) == [name for name in changes if getattr(spec, name) != changes[name]]


def test_what_changes_no_number_is_tried_first() -> None:
    spec = TrainSpec(model_size="1b", batch_tokens=65_536)
    changes = fitting_changes(spec, PRESETS["1b"], device="cuda", num_devices=1, memory_bytes=40 * GB)
    assert set(changes) <= {"accumulation_steps", "is_recomputing"}


def test_a_model_that_the_memory_cannot_hold_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config_to_hf(PRESETS["7b"], dtype="bfloat16")))
    monkeypatch.setattr(loading_torch, "memory_available_bytes", lambda: 16 * 2**30)
    with pytest.raises(ValueError, match=r"needs 41.61 GiB, 16.00 GiB are free"):
        loading_torch.served_from_checkpoint(tmp_path, version="m", manifest_sha256="0", tools=ToolExecutor())


def test_the_command_prints_the_table_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_command([]) == 0
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "memory.md").read_text()


def test_the_command_plans_any_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_command(["--model-size", "13b"]) == 1
    said = capsys.readouterr().out
    cure = said.partition("does not fit in 80 GB: ")[2].split()
    assert plan_command(["--model-size", "13b", "--json", *cure]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["source"] == "computed"
    assert row["num_parameters"] == num_parameters(PRESETS["13b"])
    assert row["peak_bytes"] == sum(row["parts_bytes"].values()) <= 80 * GB
    assert plan_command(["--model-size", "nano", "--set", "optimizer=sgd"]) == 2
    assert capsys.readouterr().err.startswith("plan: optimizer Input should be 'muon'")
