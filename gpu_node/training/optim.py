"""The optimisers: Muon on the matrices of the blocks, AdamW on embeddings, heads and norms, one schedule for both; or
AdamW on everything, in fp32 or in 8 bits.

Why Muon: with AdamW alone a nano model does not begin to copy from the question in the recipe's minutes.
Not here: the 8-bit AdamW itself (adamw8bit.py), where the state lies on disk (sharded_state.py).
Invariant: only parameters that take gradients have state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate
from torch.optim._muon import _adjust_lr, _zeropower_via_newtonschulz

from gpu_node.model.transformer import Transformer
from gpu_node.training.adamw8bit import AdamW8bit
from gpu_node.training.lora import ADAPTER_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    optimizer: Literal["muon", "adamw", "adamw8bit"] = "muon"
    muon_learning_rate: float = 0.02
    muon_momentum: float = 0.95
    muon_weight_decay: float = 0.05
    adamw_learning_rate: float = 3e-3
    adamw_betas: tuple[float, float] = (0.9, 0.95)
    adamw_weight_decay: float = 0.0
    warmup_steps: int = 100
    final_rate: float = 0.02  # of the peak, where the cosine ends
    clip_norm: float = 1.0


class WholeMuon(torch.optim.Muon):
    """Muon whose updates do not depend on how the matrices are sharded: momentum stays in shards, each update is
    gathered and orthogonalised whole. Left to itself, Muon would sum bf16 parts over the ranks.

    `is_wide`: orthogonalised in fp32. In bf16 the last bit of a gradient, which depends on the order of summing,
    decides roundings that a loss shows in its fifth digit.
    """

    is_wide = False

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            for matrix in group["params"]:
                self._step_one(matrix, group)

    def _step_one(self, matrix: Tensor, group: dict[str, Any]) -> None:
        assert matrix.grad is not None
        state, momentum = self.state[matrix], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix.grad)
        buffer = state["momentum_buffer"]
        buffer.lerp_(matrix.grad, 1 - momentum)
        update = matrix.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        whole = update.full_tensor() if isinstance(update, DTensor) else update
        orthogonalise = _orthogonalise_wide if self.is_wide else _zeropower_via_newtonschulz
        whole = orthogonalise(whole, group["ns_coefficients"], group["ns_steps"], group["eps"])
        if isinstance(matrix, DTensor):
            copied = DTensor.from_local(whole.contiguous(), matrix.device_mesh, [Replicate()], run_check=False)
            whole = copied.redistribute(placements=matrix.placements)
        rate = _adjust_lr(group["lr"], group["adjust_lr_fn"], matrix.shape)
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(whole, alpha=-rate)


def _orthogonalise_wide(update: Tensor, coefficients: tuple[float, float, float], num_steps: int, eps: float) -> Tensor:
    """torch's Newton-Schulz iteration, in fp32."""
    a, b, c = coefficients
    is_tall = update.size(0) > update.size(1)
    x = update.float().T if is_tall else update.float()
    x = x / x.norm().clamp(min=eps)
    for _ in range(num_steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if is_tall else x


class Optimisers:
    """All optimisers as one. Learning rates are set from the schedule before each backward pass, never stored.

    `is_wide`: of a training whose products are fp32. `is_stepping_early`: see EarlySteps; AdamW8bit only.
    """

    def __init__(
        self, model: Transformer, config: OptimConfig, *, is_wide: bool = False, is_stepping_early: bool = False
    ) -> None:
        self.config = config
        self.named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._members = _members(self.named, config, is_wide=is_wide)
        self._early = EarlySteps(self._members["adamw"], config.clip_norm) if is_stepping_early else None

    def rate_set(self, rate: float) -> None:
        """`rate` is the schedule's factor, 0 to 1, on the peaks."""
        peaks = {"muon": self.config.muon_learning_rate, "adamw": self.config.adamw_learning_rate}
        for name, member in self._members.items():
            for group in member.param_groups:
                group["lr"] = peaks[name] * rate

    @property
    def peak_rate(self) -> float:
        """Of the blocks' matrices: what a metric tells of."""
        is_muon = "muon" in self._members  # an adapter alone has no matrix for it
        return self.config.muon_learning_rate if is_muon else self.config.adamw_learning_rate

    def clip(self) -> Tensor:
        """Clips the gradients by the norm of all of them; gives what it was."""
        if self._early is not None:
            return self._early.norm()
        return torch.nn.utils.clip_grad_norm_(self.named.values(), self.config.clip_norm)

    def step(self) -> None:
        """After early steps there is nothing left to do."""
        for member in self._members.values() if self._early is None else ():
            member.step()
            member.zero_grad(set_to_none=True)

    # ---- state: "PARAMETER:FIELD" -> a number, or this rank's rows

    def state(self) -> dict[str, Tensor]:
        return {
            f"{name}:{field}": _own(torch.as_tensor(value))
            for name, parameter in self.named.items()
            for field, value in self._member(name).state.get(parameter, {}).items()
        }

    def state_set(self, key: str, rows: Tensor) -> None:
        name, _, field = key.rpartition(":")
        parameter = self.named[name]
        member = self._member(name)
        if isinstance(parameter, DTensor) and rows.ndim and not isinstance(member, AdamW8bit):
            rows = DTensor.from_local(
                rows,
                parameter.device_mesh,
                parameter.placements,
                run_check=False,
                shape=parameter.shape,
                stride=parameter.stride(),
            )
        member.state[parameter][field] = rows

    def _member(self, name: str) -> torch.optim.Optimizer:
        is_muon = "muon" in self._members and _is_matrix(name, self.named[name])
        return self._members["muon" if is_muon else "adamw"]


class EarlySteps:
    """Updates each parameter as soon as its gradient is whole, within the backward pass, and lets the gradient go: not
    two of them exist at once (Lv et al. 2023, LOMO, arXiv 2306.09782).

    The norm over all gradients is known too late to clip by: each is clipped alone. From a gradient that is no number
    on, nothing more changes in this step.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, clip_norm: float) -> None:
        assert isinstance(optimiser, AdamW8bit)
        self._optimiser: AdamW8bit = optimiser
        self._clip_norm = clip_norm
        self._square_sum = 0.0
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                assert not isinstance(parameter, DTensor)
                parameter.register_post_accumulate_grad_hook(partial(self._step_one, group))

    def _step_one(self, group: dict[str, Any], parameter: Tensor) -> None:
        assert parameter.grad is not None
        norm = float(torch.linalg.vector_norm(parameter.grad, dtype=torch.float32))
        self._square_sum += norm * norm
        if math.isfinite(self._square_sum):
            parameter.grad.mul_(min(1.0, self._clip_norm / max(norm, 1e-12)))
            self._optimiser.step_one(parameter, group)
        parameter.grad = None

    def norm(self) -> Tensor:
        """Of the last backward pass's gradients, before each was clipped."""
        square_sum, self._square_sum = self._square_sum, 0.0
        return torch.tensor(square_sum).sqrt()


def schedule_rate(progress: float, step: int, config: OptimConfig) -> float:
    """Linear warm-up by steps, then half a cosine from 1 to `final_rate` over `progress` 0 to 1."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return warmup * (config.final_rate + (1 - config.final_rate) * cosine)


def _members(named: Mapping[str, Tensor], config: OptimConfig, *, is_wide: bool) -> dict[str, torch.optim.Optimizer]:
    matrices = [parameter for name, parameter in named.items() if _is_matrix(name, parameter)]
    members: dict[str, torch.optim.Optimizer] = {}
    others = list(named.values())
    if config.optimizer == "muon" and matrices:
        others = [parameter for name, parameter in named.items() if not _is_matrix(name, parameter)]
        is_sharded = any(isinstance(matrix, DTensor) for matrix in matrices)
        muon = (WholeMuon if is_sharded or is_wide else torch.optim.Muon)(
            matrices,
            lr=config.muon_learning_rate,
            momentum=config.muon_momentum,
            weight_decay=config.muon_weight_decay,
        )
        if isinstance(muon, WholeMuon):
            muon.is_wide = is_wide
        members["muon"] = muon
    if others:
        how: dict[str, Any] = {
            "lr": config.adamw_learning_rate,
            "betas": config.adamw_betas,
            "weight_decay": config.adamw_weight_decay,
        }
        is_8bit = config.optimizer == "adamw8bit"
        # Tensor by tensor on a GPU too: updated all at once they need a copy of the gradients.
        members["adamw"] = AdamW8bit(others, **how) if is_8bit else torch.optim.AdamW(others, foreach=False, **how)
    return members


def _is_matrix(name: str, parameter: Tensor) -> bool:
    """Muon's. An embedding's rows are a lookup table, not a linear map: orthogonalising them is wrong; so it is with an
    adapter's factors, whose product is the map."""
    return parameter.ndim == 2 and ".layers." in name and not name.endswith(ADAPTER_SUFFIXES)


def _own(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
