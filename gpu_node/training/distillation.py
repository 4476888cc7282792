"""Distillation: the student learns the teacher's whole distribution of each next id, mixed with the id itself.

Hinton et al. 2015, arXiv 1503.02531: (1 - share) * cross entropy + share * T^2 * KL(teacher_T || student_T), where _T
is the softmax of logits / T; T^2 keeps the gradients' size as T grows. Weighted per id as language is.
The teacher is a frozen model in this process, or a file of its top logits, made once (`topk_write`): safetensors with
`row_offsets` (R + 1,) int64, `ids` (N,) int32, `top_ids` (N, K) int32 and `top_logits` (N, K) float, where N counts the
ids of all R rows and place n holds what follows ids 0..n of its row. Of such a teacher the K logits are its whole
distribution: they are normalised among themselves. Invariant: a file of other rows is refused before the first step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gpu_node.data.packing import Batch, RowPool
from gpu_node.model.transformer import Transformer
from gpu_node.training.distributed import World
from gpu_node.training.part_loss import Means, PartLoss

TOPK_DEFAULT = 64  # of a 32K vocabulary these hold nearly all of a trained teacher's probability
TOPK_NAMES = ("row_offsets", "ids", "top_ids", "top_logits")


@dataclass(frozen=True)
class Taught:
    """A teacher's logits for a part: of the whole vocabulary (`ids_BTK` None), or of the ids it names."""

    logits_BTK: Tensor
    ids_BTK: Tensor | None = None


class Teacher(Protocol):
    def teach(self, part: Batch, device: str) -> Taught: ...

    def shard(self, world: World) -> None: ...


class DistillLoss(PartLoss):
    def __init__(self, teacher: Teacher, *, temperature: float, share: float) -> None:
        self._teacher, self._temperature, self._share = teacher, temperature, share
        self._means = Means()

    def __call__(self, model: Transformer, part: Batch, device: str) -> Tensor:
        ids_BT = torch.from_numpy(part.ids_BT).to(device)
        weights_BT = torch.from_numpy(part.weights_BT[:, 1:]).to(device)
        logits_BTV = model(ids_BT)[:, :-1].float()
        losses_BT = F.cross_entropy(logits_BTV.transpose(1, 2), ids_BT[:, 1:], reduction="none")
        divergences_BT = divergence(logits_BTV, self._teacher.teach(part, device), self._temperature)
        total = weights_BT.sum()
        cross_entropy = (losses_BT * weights_BT).sum() / total
        kl = (divergences_BT * weights_BT).sum() / total
        self._means.add(cross_entropy=cross_entropy, divergence=kl)
        return (1 - self._share) * cross_entropy + self._share * self._temperature**2 * kl

    def told(self) -> dict[str, float]:
        return self._means.take()


def divergence(student_BTV: Tensor, taught: Taught, temperature: float) -> Tensor:
    """KL(teacher || student) at each place but the last, (B, T - 1), both at the temperature."""
    student = F.log_softmax(student_BTV / temperature, dim=-1)
    teacher = F.log_softmax(taught.logits_BTK[:, :-1].float() / temperature, dim=-1)
    if taught.ids_BTK is not None:
        student = student.gather(-1, taught.ids_BTK[:, :-1])
    return (teacher.exp() * (teacher - student)).sum(dim=-1)


class ModelTeacher:
    """A frozen model in this process."""

    def __init__(self, model: Transformer) -> None:
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def teach(self, part: Batch, device: str) -> Taught:
        return Taught(self.model(torch.from_numpy(part.ids_BT).to(device)))

    def shard(self, world: World) -> None:
        world.shard(self.model)


class CachedTeacher:
    """A file of top logits for the rows of one pool; rows are read from the disk as they are needed."""

    def __init__(self, path: Path, pool: RowPool, *, vocab_size: int) -> None:
        """Raises ValueError: no such file of logits, or one of other rows."""
        try:
            self._file = safe_open(path, framework="pt", device="cpu")
            shapes = {name: self._file.get_slice(name).get_shape() for name in TOPK_NAMES}
        except SafetensorError as error:
            needed = ", ".join(TOPK_NAMES)
            raise ValueError(f"{path.name} is no file of a teacher's logits (it needs {needed}): {error}") from error
        self._vocab_size, self._path = vocab_size, path
        self._offsets = pool.offsets
        num_ids = len(pool.ids)
        expected = {"row_offsets": [len(pool) + 1], "ids": [num_ids], "top_ids": [num_ids, shapes["top_ids"][-1]]}
        expected["top_logits"] = expected["top_ids"]
        if wrong := next((name for name in TOPK_NAMES if shapes[name] != expected[name]), None):
            message = f"{path.name}: {wrong} has the shape {shapes[wrong]}, but these rows need {expected[wrong]}"
            raise ValueError(f"{message}: make it again from the same data")
        offsets, ids = self._file.get_tensor("row_offsets").numpy(), self._file.get_tensor("ids").numpy()
        if not np.array_equal(offsets, pool.offsets) or not np.array_equal(ids, pool.ids):
            row = next(
                (r for r in range(len(pool)) if not np.array_equal(ids[slice(*offsets[r : r + 2])], _ids(pool, r))), 0
            )
            raise ValueError(f"{path.name} was made of other rows: row {row + 1} differs; make it again")

    def teach(self, part: Batch, device: str) -> Taught:
        top_ids, top_logits = self._file.get_slice("top_ids"), self._file.get_slice("top_logits")
        num_top = top_ids.get_shape()[1]
        ids_BTK = torch.zeros((*part.ids_BT.shape, num_top), dtype=torch.int64)
        logits_BTK = torch.zeros((*part.ids_BT.shape, num_top))
        for place, row in enumerate(part.rows_B):
            first, end = int(self._offsets[row]), int(self._offsets[row + 1])
            ids_BTK[place, : end - first] = top_ids[first:end]
            logits_BTK[place, : end - first] = top_logits[first:end]
        if int(ids_BTK.max()) >= self._vocab_size or int(ids_BTK.min()) < 0:
            raise ValueError(f"{self._path.name}: top_ids names ids outside a vocabulary of {self._vocab_size}")
        return Taught(logits_BTK.to(device), ids_BTK.to(device))

    def shard(self, world: World) -> None:
        """Each rank reads its own rows."""
        return


def _ids(pool: RowPool, row: int) -> np.ndarray:
    return pool.ids[pool.offsets[row] : pool.offsets[row + 1]]


@torch.no_grad()
def topk_write(path: Path, teacher: Transformer, pool: RowPool, *, num_top: int, batch_tokens: int) -> None:
    """The teacher's `num_top` largest logits at each id of the pool, as a file that a CachedTeacher reads. Whole or not
    at all."""
    num_top = min(num_top, teacher.config.vocab_size)
    top_ids = torch.zeros((len(pool.ids), num_top), dtype=torch.int32)
    top_logits = torch.zeros((len(pool.ids), num_top), dtype=torch.float16)
    order = np.argsort(pool.lengths, kind="stable")
    size = max(1, batch_tokens // int(pool.lengths.max()))
    device = next(teacher.parameters()).device
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        logits_BTV = teacher(torch.from_numpy(pool.batch(rows).ids_BT).to(device)).float()
        values_BTK, ids_BTK = (t.cpu() for t in logits_BTV.topk(num_top, dim=-1))
        for place, row in enumerate(rows):
            start, end = int(pool.offsets[row]), int(pool.offsets[row + 1])
            top_ids[start:end] = ids_BTK[place, : end - start].int()
            top_logits[start:end] = values_BTK[place, : end - start].half()
    tensors = {
        "row_offsets": torch.from_numpy(pool.offsets),
        "ids": torch.from_numpy(pool.ids.astype(np.int32)),
        "top_ids": top_ids,
        "top_logits": top_logits,
    }
    partial = path.with_name(f".{path.name}.partial")
    save_file(tensors, partial)
    partial.replace(path)
