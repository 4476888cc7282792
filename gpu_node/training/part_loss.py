"""What a part of a batch costs, as the trainer asks for it: the interface of every objective.

The plain ones need nothing but the batch (`BatchLoss`); a teacher's (distillation.py) and a reference's (preference.py)
bring more, some of it computed once and kept beside the optimiser. Invariant: the same model, part and kept tensors
give the same number, so that a resumed training goes on exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gpu_node.data.packing import Batch
from gpu_node.model.transformer import Transformer
from gpu_node.training.distributed import World

# Of (model, ids_BT, weights_BT, labels_BT).
BatchFunction = Callable[[Transformer, Tensor, Tensor, Tensor], Tensor]


class PartLoss(ABC):
    @abstractmethod
    def __call__(self, model: Transformer, part: Batch, device: str) -> Tensor:
        """The mean over the part's weight, with its gradient."""

    def prepare(self, model: Transformer, world: World) -> None:
        """What must be known before the first step, and is not yet. `model` is as the training starts from it."""
        return

    def tensors(self) -> dict[str, Tensor]:
        """What `prepare` found, to be kept with each checkpoint."""
        return {}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Raises ValueError: they are of other rows."""
        return

    def told(self) -> dict[str, float]:
        """Means of what the objective measures beside its loss, since they were last told."""
        return {}


class BatchLoss(PartLoss):
    """An objective that needs nothing but the batch."""

    def __init__(self, function: BatchFunction, *, is_compiled: bool = False) -> None:
        self._function = torch.compile(function, dynamic=True) if is_compiled else function

    def __call__(self, model: Transformer, part: Batch, device: str) -> Tensor:
        ids, weights, labels = (torch.from_numpy(a).to(device) for a in (part.ids_BT, part.weights_BT, part.labels_BT))
        return self._function(model, ids, weights, labels)


class Means:
    """Running means of named numbers, kept as tensors so that no step waits for a device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, **values: Tensor) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=value.device)) + value.detach().float()
        self._count += 1

    def take(self) -> dict[str, float]:
        means = {name: round(float(total) / self._count, 6) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means
