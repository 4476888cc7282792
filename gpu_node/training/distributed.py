"""The ranks of one training: who they are, how they split a batch, shard a model (FSDP2) and agree on what to do.

One rank alone is the same code with nothing to do. A batch is split by rows and each rank's loss is weighted by its
share of the batch's weight, so that any number of ranks takes the same step. Not here: starting ranks (the job's shim).
Invariant: every rank calls the collective methods in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from gpu_node.data.packing import Batch
from gpu_node.model.checkpoint import weights_open
from gpu_node.model.transformer import Transformer
from gpu_node.training.attempt_folder import CONTROLS, Control
from gpu_node.training.job_errors import JobRefused

PREDICTING = frozenset({"language", "distill"})  # objectives whose weights are of predicting ids


@dataclass(frozen=True, kw_only=True)
class World:
    rank: int = 0
    size: int = 1
    ranks_per_node: int = 1
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
            rows_B=batch.rows_B[chosen],
        )
        first = 1 if objective in PREDICTING else 0  # the first id is predicted by nothing
        share = float(part.weights_BT[:, first:].sum() / batch.weights_BT[:, first:].sum())
        return part, 0.0 if is_idle else share * self.size

    def mean(self, value: Tensor) -> Tensor:
        if self.size == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.size

    def sum(self, value: Tensor) -> Tensor:
        """Of what each rank computed, on the CPU."""
        if self.size == 1:
            return value
        total = value.to(self.device)
        dist.all_reduce(total)
        return total.cpu()

    def wait(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            dist.barrier()

    # ---- shards: rank r owns the r-th of `size` equal runs of rows, the last ones fewer or none

    def shard(self, model: Transformer) -> None:
        """Moves a model to this rank's device: whole, or its own rows, one block after the other."""
        if self.size == 1:
            model.to(self.device)
            return
        mesh = init_device_mesh(self.device, (self.size,), mesh_dim_names=("shard",))
        for block in model.model.layers:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        register_fsdp_forward_method(model, "next_token_losses")

    def whole(self, tensor: Tensor) -> Tensor:
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def own_rows(self, tensor: Tensor) -> range:
        if not isinstance(tensor, DTensor):
            return range(tensor.shape[0])
        num_rows = tensor.shape[0]
        run = -(-num_rows // self.size)
        rows = range(min(self.rank * run, num_rows), min((self.rank + 1) * run, num_rows))
        assert len(rows) == len(tensor.to_local())
        return rows

    def load(self, model: Transformer, folder: Path) -> None:
        """This rank's rows of a checkpoint's weights into a model that may be sharded, one tensor at a time. Raises
        JobRefused for one that is no checkpoint of this model."""
        state = model.state_dict()
        with weights_open(folder) as stored, torch.no_grad():
            if missing := sorted(state.keys() - stored.keys()):
                raise JobRefused("bad_input", f"the checkpoint lacks {len(missing)} tensors, first {missing[0]!r}")
            for name, tensor in state.items():
                rows, saved = self.own_rows(tensor), stored[name].get_slice(name)
                if saved.get_shape() != list(tensor.shape):
                    said = f"the checkpoint's {name!r} has shape {saved.get_shape()}, not {list(tensor.shape)}"
                    raise JobRefused("bad_input", said, cure="resume with the model_size it was trained with")
                own = tensor.to_local() if isinstance(tensor, DTensor) else tensor
                own.copy_(saved[rows.start : rows.stop])

    def load_some(self, model: Transformer, tensors: Mapping[str, Tensor]) -> None:
        """This rank's rows of whole tensors into a model that may be sharded; what they do not name stays as it is.
        Raises JobRefused for what the model does not have."""
        state = model.state_dict()
        with torch.no_grad():
            for name, saved in tensors.items():
                if name not in state or state[name].shape != saved.shape:
                    raise JobRefused("bad_input", f"the model has no {name!r} of shape {list(saved.shape)}")
                rows, tensor = self.own_rows(state[name]), state[name]
                own = tensor.to_local() if isinstance(tensor, DTensor) else tensor
                own.copy_(saved[rows.start : rows.stop])

    # ---- tensors handed to the first rank, without pickle

    @property
    def is_on_first_node(self) -> bool:
        return self.rank < self.ranks_per_node

    def send(self, tensors: Mapping[str, Tensor]) -> None:
        header = [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in tensors.items()]
        text = json.dumps(header).encode()
        self._send(torch.tensor([len(text)]))
        self._send(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        for tensor in tensors.values():
            self._send(tensor)

    def receive(self, rank: int) -> dict[str, Tensor]:
        """What `send` was given on that rank."""
        num_bytes = int(self._receive(rank, torch.int64, [1]).item())
        header = json.loads(bytes(self._receive(rank, torch.uint8, [num_bytes]).tolist()))
        return {name: self._receive(rank, getattr(torch, dtype), shape) for name, dtype, shape in header}

    def _send(self, tensor: Tensor) -> None:
        dist.send(tensor.to(self.device).contiguous(), dst=0)

    def _receive(self, rank: int, dtype: torch.dtype, shape: list[int]) -> Tensor:
        received = torch.empty(shape, dtype=dtype, device=self.device)
        dist.recv(received, src=rank)
        return received.cpu()
