"""The optimisers: Muon on the matrices of the blocks, AdamW on embeddings, heads and norms, one schedule for both.

Why Muon: with AdamW alone a nano model does not begin to copy from the question in the recipe's minutes.
Not here: 8-bit and in-backward optimisers for the large presets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor
from torch.optim._muon import _adjust_lr, _zeropower_via_newtonschulz

from gpu_node.model.transformer import Transformer


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
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
    """Both optimisers as one. Learning rates are set from the schedule before each step, never stored."""

    def __init__(self, model: Transformer, config: OptimConfig, *, is_wide: bool = False) -> None:
        """`is_wide`: of a training whose products are fp32."""
        self.config = config
        matrices, others = _split(model)
        is_sharded = any(isinstance(matrix, DTensor) for matrix in matrices)
        self._muon = (WholeMuon if is_sharded or is_wide else torch.optim.Muon)(
            matrices,
            lr=config.muon_learning_rate,
            momentum=config.muon_momentum,
            weight_decay=config.muon_weight_decay,
        )
        if isinstance(self._muon, WholeMuon):
            self._muon.is_wide = is_wide
        self._adamw = torch.optim.AdamW(
            others,
            lr=config.adamw_learning_rate,
            betas=config.adamw_betas,
            weight_decay=config.adamw_weight_decay,
        )
        self._members = {"muon": self._muon, "adamw": self._adamw}

    def step(self, rate: float) -> None:
        """`rate` is the schedule's factor, 0 to 1, on both peaks."""
        for group in self._muon.param_groups:
            group["lr"] = self.config.muon_learning_rate * rate
        for group in self._adamw.param_groups:
            group["lr"] = self.config.adamw_learning_rate * rate
        for optimiser in self._members.values():
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """The whole state as named tensors, fit for safetensors."""
        flat = {}
        for name, optimiser in self._members.items():
            for index, state in optimiser.state_dict()["state"].items():
                for key, value in state.items():
                    flat[f"{name}.{index}.{key}"] = torch.as_tensor(value).clone().contiguous()
        return flat

    def load_tensors(self, flat: dict[str, Tensor]) -> None:
        for name, optimiser in self._members.items():
            state: dict[int, dict[str, Tensor]] = {}
            parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
            for key, value in flat.items():
                member, index, field = key.split(".", 2)
                if member == name:
                    own = parameters[int(index)]
                    is_sharded = isinstance(own, DTensor) and value.shape == own.shape
                    state.setdefault(int(index), {})[field] = (
                        distribute_tensor(value, own.device_mesh, own.placements) if is_sharded else value
                    )
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def schedule_rate(progress: float, step: int, config: OptimConfig) -> float:
    """Linear warm-up by steps, then half a cosine from 1 to `final_rate` over `progress` 0 to 1."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return warmup * (config.final_rate + (1 - config.final_rate) * cosine)


def _split(model: Transformer) -> tuple[list[Tensor], list[Tensor]]:
    """(Muon's, the rest). An embedding's rows are a lookup table, not a linear map: orthogonalising them is wrong."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        is_block_matrix = parameter.ndim == 2 and ".layers." in name
        (matrices if is_block_matrix else others).append(parameter)
    return matrices, others
