"""The loss in chunks is the plain one: its value and both gradients, whatever the chunk's size and number format."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gpu_node.model import chunked_loss
from gpu_node.model.chunked_loss import chunked_cross_entropy

N, C, V = 37, 16, 50


def told(loss_of, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Losses, the gradient of the input, the gradient of the head."""
    generator = torch.Generator().manual_seed(3)
    x_NC = torch.randn(N, C, generator=generator).to(dtype).requires_grad_()
    weight_VC = torch.randn(V, C, generator=generator).to(dtype).requires_grad_()
    targets_N = torch.randint(V, (N,), generator=generator)
    losses_N = loss_of(x_NC, weight_VC, targets_N)
    (losses_N * torch.rand(N, generator=generator)).sum().backward()
    assert x_NC.grad is not None
    assert weight_VC.grad is not None
    return [losses_N.detach(), x_NC.grad, weight_VC.grad]


def plain(x_NC: Tensor, weight_VC: Tensor, targets_N: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(x_NC, weight_VC).float(), targets_N, reduction="none")


@pytest.mark.parametrize("tokens", [1, 8, 37, 64])
def test_value_and_gradients_are_those_of_the_plain_loss(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_loss, "LOGITS_BYTES_MAX", tokens * V * chunked_loss.FLOAT_BYTES)
    for ours, theirs in zip(told(chunked_cross_entropy), told(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("is_autocast", [True, False])
def test_in_bf16_it_errs_no_more_than_the_plain_one(is_autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the exact loss of the same numbers: bf16 products under autocast, or bf16 weights."""
    monkeypatch.setattr(chunked_loss, "LOGITS_BYTES_MAX", 8 * V * chunked_loss.FLOAT_BYTES)
    dtype = torch.float32 if is_autocast else torch.bfloat16

    def exact(x_NC: Tensor, weight_VC: Tensor, targets_N: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return plain(x_NC.float(), weight_VC.float(), targets_N)

    with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
        ours, theirs, right = (told(loss, dtype) for loss in (chunked_cross_entropy, plain, exact))
    for own, other, truth in zip(ours, theirs, right, strict=True):
        error, plain_error = ((value.float() - truth.float()).norm() / truth.float().norm() for value in (own, other))
        assert error < max(1.5 * plain_error, 1e-3)


def test_no_tensor_of_all_logits_ever_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_loss, "LOGITS_BYTES_MAX", 4 * V * chunked_loss.FLOAT_BYTES)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            if isinstance(made, Tensor):
                largest = max(largest, made.numel())
            return made

    with Watch():
        told(chunked_cross_entropy)
    assert largest <= max(V * C, N * C) < N * V


def test_a_frozen_head_gets_no_gradient() -> None:
    x_NC, weight_VC = torch.randn(N, C, requires_grad=True), torch.randn(V, C)
    chunked_cross_entropy(x_NC, weight_VC, torch.zeros(N, dtype=torch.long)).sum().backward()
    assert x_NC.grad is not None
    assert weight_VC.grad is None
