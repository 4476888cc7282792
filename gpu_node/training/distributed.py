"""The ranks of one training: who they are, how they split a batch, shard a model (FSDP2) and agree on what to do.

One rank alone is the same code with nothing to do. A batch is split by rows and each rank's loss is weighted by its
share of the batch's weight, so that any number of ranks takes the same step. Not here: starting ranks (the job's shim).
Invariant: every rank calls the collective methods in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from gpu_node.data.packing import Batch
from gpu_node.model.transformer import Transformer
from gpu_node.training.attempt_folder import CONTROLS, Control


@dataclass(frozen=True, kw_only=True)
class World:
    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agree(self, asked: Control) -> Control:
        """What the first rank was asked: all ranks must stop at the same step."""
        if self.size == 1:
            return asked
        number = torch.tensor([CONTROLS.index(asked)], device=self.device)
        dist.broadcast(number, src=0)
        return CONTROLS[int(number.item())]

    def parts(self, batch: Batch, objective: str, *, num_parts: int = 1) -> list[tuple[Batch, float]]:
        """This rank's rows in `num_parts` turns, each with the factor on its mean loss that makes the sum over turns,
        averaged over ranks, the batch's loss. Every rank gets as many turns: a turn is a collective call."""
        if self.size * num_parts == 1:
            return [(batch, 1.0)]
        return [self._part(batch, objective, self.rank + self.size * turn, num_parts) for turn in range(num_parts)]

    def _part(self, batch: Batch, objective: str, first_row: int, num_parts: int) -> tuple[Batch, float]:
        rows = np.arange(first_row, len(batch.ids_BT), self.size * num_parts)
        is_idle = not len(rows)
        chosen = np.zeros(1, np.int64) if is_idle else rows  # without a row of its own it computes one, for nothing
        part = Batch(
            ids_BT=batch.ids_BT[chosen],
            weights_BT=batch.weights_BT[chosen],
            labels_BT=batch.labels_BT[chosen],
            groups_B=batch.groups_B[chosen],
        )
        first = 1 if objective == "language" else 0  # the first id is predicted by nothing
        share = float(part.weights_BT[:, first:].sum() / batch.weights_BT[:, first:].sum())
        return part, 0.0 if is_idle else share * self.size

    def mean(self, value: Tensor) -> Tensor:
        if self.size == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.size

    # Sharded state

    def shard(self, model: Transformer) -> None:
        if self.size == 1:
            return
        for block in model.model.layers:
            fully_shard(block)
        fully_shard(model)
        register_fsdp_forward_method(model, "next_token_losses")

    def whole(self, tensor: Tensor) -> Tensor:
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def gather(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self.whole(tensor) for name, tensor in tensors.items()}

    def load(self, model: Transformer, weights: Mapping[str, Any]) -> None:
        """Whole weights into a model that may be sharded."""
        if self.size == 1:
            model.load_state_dict(weights)
            return
        own = model.state_dict()
        model.load_state_dict(
            {
                name: distribute_tensor(weights[name], tensor.device_mesh, tensor.placements)
                if isinstance(tensor, DTensor)
                else weights[name]
                for name, tensor in own.items()
            }
        )
