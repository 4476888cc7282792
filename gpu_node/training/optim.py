"""The optimisers: Muon on the matrices of the blocks, AdamW on embeddings, heads and norms, one schedule for both.

Why Muon: with AdamW alone a nano model does not begin to copy from the question in the recipe's minutes.
Not here: 8-bit and in-backward optimisers for the large presets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

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


class Optimisers:
    """Both optimisers as one. Learning rates are set from the schedule before each step, never stored."""

    def __init__(self, model: Transformer, config: OptimConfig) -> None:
        self.config = config
        matrices, others = _split(model)
        self._muon = torch.optim.Muon(
            matrices,
            lr=config.muon_learning_rate,
            momentum=config.muon_momentum,
            weight_decay=config.muon_weight_decay,
        )
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
            for key, value in flat.items():
                member, index, field = key.split(".", 2)
                if member == name:
                    state.setdefault(int(index), {})[field] = value
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
