"""On a GPU the engine, the critic and the trainer do what they do on the CPU, and need the memory that was planned.

`make test-gpu`, on a machine whose torch sees one. Elsewhere these tests fail: whoever asks for them wants a GPU.
"""

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_node.inference.critic import TorchCritic
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.placement import placement_here
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import PRESETS
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.training.distributed import World
from gpu_node.training.memory_parts import Workload, peak_parts
from tests.gpu_node.memory_measured import ROWS, peak_on_gpu, trainer_of
from tests.gpu_node.tiny_model import CONFIG, generated, greedy, greedy_slowly, tiny_model

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]
NANO = Path(__file__).resolve().parents[2] / "gpu_node" / "weights" / "svend-nano"
EIGHT_BIT: dict[str, Any] = {"optimizer": "adamw8bit", "weight_dtype": "bfloat16", "is_recomputing": True}


def prompts(count: int, *, longest: int) -> list[list[int]]:
    rng = random.Random(count)
    return [[rng.randrange(20, CONFIG.vocab_size) for _ in range(rng.randrange(2, longest))] for _ in range(count)]


async def all_generated(model: Transformer, asked: list[list[int]], *, num_new: int) -> list[list[int]]:
    engine = TorchEngine(model)
    said = await asyncio.gather(*(generated(engine.open(ids, greedy()), num_new=num_new) for ids in asked))
    engine.close()
    return said


def test_a_model_is_placed_on_the_gpu() -> None:
    placement = placement_here()
    model, _ = load_checkpoint(NANO, dtype=placement.dtype, device=placement.device)
    assert {(p.device.type, p.dtype) for p in model.parameters()} == {("cuda", torch.bfloat16)}


def test_the_engine_says_what_a_full_pass_on_the_cpu_says() -> None:
    asked = prompts(24, longest=200)
    said = asyncio.run(all_generated(tiny_model().to("cuda"), asked, num_new=40))
    assert said == [greedy_slowly(tiny_model(), ids, num_new=40) for ids in asked]


def test_the_shipped_model_says_what_it_says_on_the_cpu() -> None:
    asked = prompts(16, longest=120)
    on_gpu = asyncio.run(all_generated(load_checkpoint(NANO, device="cuda")[0], asked, num_new=64))
    on_cpu = asyncio.run(all_generated(load_checkpoint(NANO)[0], asked, num_new=64))
    assert on_gpu == on_cpu


def test_a_sampled_answer_in_bf16_does_not_fail() -> None:
    model, config = load_checkpoint(NANO, dtype=torch.bfloat16, device="cuda")
    engine = TorchEngine(model)

    async def one() -> list[int]:
        sequence = engine.open(list(range(20, 60)), replace(greedy(seed=3), temperature=0.8, top_p=0.9))
        return await generated(sequence, num_new=100)

    said = asyncio.run(one())
    engine.close()
    assert len(said) == 100
    assert all(0 <= token < config.vocab_size for token in said)


def test_the_critic_scores_as_on_the_cpu() -> None:
    config = replace(CONFIG, has_score_head=True)
    asked = prompts(20, longest=150)
    on_gpu = TorchCritic(tiny_model(config=config).to("cuda"))
    on_cpu = TorchCritic(tiny_model(config=config))
    scores = [asyncio.run(critic.score(asked)) for critic in (on_gpu, on_cpu)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.parametrize(
    ("how", "tolerance"),
    [
        pytest.param({"optimizer": "adamw", "is_autocast": False}, 1e-3, id="adamw"),
        pytest.param({"optimizer": "muon", "is_autocast": False}, 1e-3, id="muon"),
        pytest.param({"optimizer": "adamw8bit", "is_autocast": False}, 1e-3, id="8 bits"),
        pytest.param({"optimizer": "muon"}, 2e-2, id="muon, autocast"),
        pytest.param({**EIGHT_BIT, "is_stepping_early": True}, 2e-2, id="bf16 weights, early"),
    ],
)
def test_a_training_takes_the_steps_of_the_cpu(tmp_path: Path, how: dict[str, Any], tolerance: float) -> None:
    losses = {}
    for device in ("cuda", "cpu"):
        work = Workload(config=CONFIG, tokens=4 * 64, device=device, **how)
        model = Transformer(CONFIG)
        initialise(model, seed=1)
        (folder := tmp_path / device).mkdir()
        trainer = trainer_of(work, model, folder=folder, num_rows=ROWS, world=World(device=device))
        losses[device] = [trainer.step().item() for _ in range(20)]
    print(json.dumps(losses))
    assert losses["cpu"][-1] < losses["cpu"][0] - 0.01
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=tolerance)


def test_a_training_goes_on_from_what_it_saved(tmp_path: Path) -> None:
    work = Workload(config=CONFIG, tokens=4 * 64, device="cuda", optimizer="adamw8bit", is_autocast=False)

    def trainer_new() -> Any:
        return trainer_of(work, tiny_model().train(), folder=tmp_path, num_rows=ROWS, world=World(device="cuda"))

    first = trainer_new()
    for _ in range(3):
        first.step()
    first.save()
    second = trainer_new()
    assert second.resume()
    assert second.step().item() == pytest.approx(first.step().item(), rel=1e-5)
    assert second.step().item() == pytest.approx(first.step().item(), rel=1e-5)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="muon"),
        pytest.param({"optimizer": "adamw", "is_autocast": False}, id="fp32"),
        pytest.param({"is_recomputing": True}, id="recomputing"),
        pytest.param({"optimizer": "adamw8bit", "accumulation_steps": 4}, id="turns"),
        pytest.param({**EIGHT_BIT, "is_stepping_early": True}, id="8 bits, bf16, recomputing, early"),
        pytest.param({"has_score_head": True, **EIGHT_BIT}, id="verifier in 8 bits"),
    ],
)
def test_a_500m_needs_what_was_planned(tmp_path: Path, how: dict[str, Any]) -> None:
    how = dict(how)
    config = replace(PRESETS["500m"], has_score_head=how.pop("has_score_head", False))
    work = Workload(config=config, tokens=ROWS * 1024, device="cuda", **how)
    moment, parts = peak_parts(work)
    planned = sum(parts.values()) - parts["runtime"]
    measured = peak_on_gpu(tmp_path, work)
    print(json.dumps({"moment": moment, "planned": planned, "measured": measured, "ratio": planned / measured}))
    assert planned == pytest.approx(measured, rel=0.10)
