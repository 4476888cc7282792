"""8-bit AdamW follows fp32 AdamW's loss curve, keeps two bytes a parameter, and rounds bf16 weights without a bias."""

from pathlib import Path

import pytest
import torch

from gpu_node.training.adamw8bit import BLOCK, AdamW8bit, Codes, code_table, rounded
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import Trainer
from tests.gpu_node.test_trainer import trainer_at

CPU = torch.device("cpu")
NUM_STEPS = 60


def trainer_of(folder: Path, optimizer: str, *, clip_norm: float = 1.0, **how: object) -> Trainer:
    optim = OptimConfig(warmup_steps=5, optimizer=optimizer, clip_norm=clip_norm)
    return trainer_at(folder, num_steps=NUM_STEPS, how={"optim": optim, "is_autocast": False, **how})


def curve(trainer: Trainer, num_steps: int = NUM_STEPS) -> list[float]:
    return [trainer.step().item() for _ in range(num_steps)]


@pytest.mark.parametrize(
    ("how", "tolerance"),
    [({}, 0.01), pytest.param({"weight_dtype": "bfloat16"}, 0.05, marks=pytest.mark.extra)],
    ids=["fp32 weights", "bf16 weights"],
)
def test_its_loss_curve_is_that_of_fp32_adamw(tmp_path: Path, how: dict, tolerance: float) -> None:
    """Measured: 0.24 % at most with fp32 weights, 1.9 % with bf16 ones; bf16 products alone make 1.3 %."""
    exact = curve(trainer_of(tmp_path / "exact", "adamw"))
    ours = curve(trainer_of(tmp_path / "ours", "adamw8bit", **how))
    assert min(exact[-5:]) < 0.1 * exact[0]
    assert max(abs(own - other) / other for own, other in zip(ours, exact, strict=True)) < tolerance


def test_early_steps_are_the_same_steps_and_leave_no_gradient(tmp_path: Path) -> None:
    late = trainer_of(tmp_path / "late", "adamw8bit", clip_norm=1e6)
    early = trainer_of(tmp_path / "early", "adamw8bit", clip_norm=1e6, is_stepping_early=True)
    assert curve(early, 8) == curve(late, 8)
    early._backward(early.order.batch(0))
    assert [parameter.grad for parameter in early.model.parameters()] == [None] * len([*early.model.parameters()])


def test_a_gradient_that_is_no_number_ends_early_steps(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, "adamw8bit", is_stepping_early=True)
    trainer.step()
    with torch.no_grad():
        trainer.model.model.norm.weight[0] = float("nan")
    before = {name: t.clone() for name, t in trainer.model.state_dict().items() if name != "model.norm.weight"}
    trainer._backward(trainer.order.batch(0))
    assert not trainer.optimisers.clip().isfinite()
    assert all(torch.equal(before[name], trainer.model.state_dict()[name]) for name in before)


def test_a_moment_takes_one_byte_and_a_scale_a_block() -> None:
    weights = torch.nn.Parameter(torch.randn(64, 300))
    optimiser = AdamW8bit([weights], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0)
    weights.grad = torch.randn_like(weights)
    optimiser.step()
    state = optimiser.state[weights]
    assert {field: (str(t.dtype), list(t.shape)) for field, t in state.items()} == {
        "step": ("torch.float32", []),
        "exp_avg": ("torch.uint8", [64, 300]),
        "exp_avg_scale": ("torch.float32", [64, 2]),
        "exp_avg_sq": ("torch.uint8", [64, 300]),
        "exp_avg_sq_scale": ("torch.float32", [64, 2]),
    }


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_map_has_256_fractions_and_packing_finds_the_nearest(is_signed: bool) -> None:
    table = code_table(is_signed=is_signed)
    assert len(table) == len(table.unique()) == 256
    values = torch.randn(5, 2 * BLOCK + 3)
    values = values if is_signed else values.square()
    codes, scales = Codes(CPU, is_signed=is_signed).pack(values)
    unpacked = Codes(CPU, is_signed=is_signed).unpack(codes, scales)
    whole = scales.repeat_interleave(BLOCK, dim=1)[:, : values.shape[1]]
    nearest = (values / whole)[..., None].sub(table).abs().amin(-1)
    torch.testing.assert_close((unpacked / whole - values / whole).abs(), nearest, rtol=0, atol=1e-6)


def test_a_small_second_moment_never_becomes_zero() -> None:
    values = torch.zeros(1, BLOCK)
    values[0, :2] = torch.tensor([1.0, 1e-20])
    codes = Codes(CPU, is_signed=False)
    assert codes.unpack(*codes.pack(values))[0, 1] > 0
    assert codes.unpack(*codes.pack(values))[0, 2] == 0


def test_stochastic_rounding_keeps_the_mean() -> None:
    values = torch.full((200_000,), 1.0 + 0.3 * 2**-7)  # three tenths of the way to the next bf16
    found = rounded(values, torch.Generator().manual_seed(1)).float()
    assert set(found.tolist()) == {1.0, 1.0 + 2**-7}
    assert found.mean().item() == pytest.approx(values[0].item(), abs=2e-5)
