"""The optimiser's state on disk: each rank's rows in safetensors of their own, and a JSON index over all of them.

    optimiser-RANK-NUMBER.safetensors   rows of rank RANK, cut into files that a download can repeat
    optimiser.index.json                for each tensor its whole shape, and which file holds which rows

Any number of ranks reads it: each takes the rows it owns. The weights are not here: the Hugging Face folder around
these files holds them. Not here: when to save, and the swap that commits the folder (trainer.py, model/checkpoint.py).
Invariants: the index is written last, from what lies on disk; ranks on other nodes than the first hand their rows over,
since their disk is not the checkpoint's; no pickle, neither on disk nor between ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gpu_node.model.checkpoint import SHARD_BYTES_MAX
from gpu_node.training.distributed import World
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.optim import Optimisers

STATE_INDEX_FILE = "optimiser.index.json"
RNG_KEY = "rng.torch"
CURE = "resume from another checkpoint, or start anew from this one's weights as a parent"


class Part(BaseModel):
    file: str
    first_row: int
    num_rows: int


class Stored(BaseModel):
    shape: list[int]  # whole; [] is a single number
    parts: list[Part]


class StateIndex(BaseModel):
    optimizer: str
    world_size: int
    tensors: dict[str, Stored]


# ---- writing


def state_write(folder: Path, optimisers: Optimisers, world: World) -> None:
    """Every rank calls it; the first one once the folder is there. When it returns on that, all rows and the index are
    written."""
    world.wait()
    own = optimisers.state() | {RNG_KEY: torch.get_rng_state()}
    if not world.is_first:
        own = {key: tensor for key, tensor in own.items() if tensor.ndim and key != RNG_KEY}
    for number, group in enumerate(_groups(own)):
        if world.is_on_first_node:
            _file_write(folder, world.rank, number, group)
        else:
            world.send(group)
    if not world.is_on_first_node:
        world.send({})
    if world.is_first:
        for rank in range(world.ranks_per_node, world.size):
            for number, group in enumerate(iter(lambda rank=rank: world.receive(rank), {})):  # type: ignore[misc]
                _file_write(folder, rank, number, group)
    world.wait()
    if world.is_first:
        index = _index_of(folder, optimisers.config.optimizer, world.size)
        (folder / STATE_INDEX_FILE).write_text(index.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _groups(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """What goes into one file each; a rank that owns no row of a tensor says nothing of it."""
    group: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if group and sum(t.nbytes for t in group.values()) + tensor.nbytes > SHARD_BYTES_MAX:
            yield group
            group = {}
        if tensor.numel():
            group[key] = tensor
    if group:
        yield group


def _file_write(folder: Path, rank: int, number: int, group: dict[str, Tensor]) -> None:
    save_file(
        {key: tensor.cpu().contiguous() for key, tensor in group.items()},
        folder / f"optimiser-{rank:05d}-{number:03d}.safetensors",
    )


def _index_of(folder: Path, optimizer: str, world_size: int) -> StateIndex:
    tensors: dict[str, Stored] = {}
    for path in sorted(folder.glob("optimiser-*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():
                shape = file.get_slice(key).get_shape()
                stored = tensors.setdefault(key, Stored(shape=[0, *shape[1:]] if shape else [], parts=[]))
                num_rows = shape[0] if shape else 0
                first_row = stored.shape[0] if shape else 0
                stored.parts.append(Part(file=path.name, first_row=first_row, num_rows=num_rows))
                if shape:
                    stored.shape[0] += num_rows
    return StateIndex(optimizer=optimizer, world_size=world_size, tensors=tensors)


# ---- reading


def state_read(folder: Path, optimisers: Optimisers, world: World) -> None:
    """This rank's rows of the state, and the random state. Raises JobRefused for what does not belong to this training,
    is incomplete or damaged."""
    try:
        index = StateIndex.model_validate_json((folder / STATE_INDEX_FILE).read_bytes())
        _fits_check(index, optimisers)
        with ExitStack() as stack:
            files: dict[str, Any] = {}
            for key, stored in index.tensors.items():
                for part in stored.parts:
                    if part.file not in files:
                        opened = safe_open(folder / Path(part.file).name, framework="pt")
                        files[part.file] = stack.enter_context(opened)
                if key == RNG_KEY:
                    torch.set_rng_state(_rows_read(files, key, stored, range(stored.shape[0])))
                    continue
                parameter = optimisers.named[key.rpartition(":")[0]]
                rows = world.own_rows(parameter) if stored.shape else range(0)
                optimisers.state_set(key, _rows_read(files, key, stored, rows).to(_device_of(key, world)))
    except (OSError, ValidationError, SafetensorError) as error:
        raise JobRefused("bad_input", f"the checkpoint's optimiser state cannot be read: {error}", cure=CURE) from error


def _device_of(key: str, world: World) -> str:
    return "cpu" if key.endswith(":step") else world.device


def _rows_read(files: dict[str, Any], key: str, stored: Stored, rows: range) -> Tensor:
    if not stored.shape:
        number: Tensor = files[stored.parts[0].file].get_tensor(key)
        return number
    pieces = []
    for part in stored.parts:
        first, last = max(rows.start, part.first_row), min(rows.stop, part.first_row + part.num_rows)
        if first < last or part is stored.parts[0]:  # one without rows still has its width and format
            start = max(0, first - part.first_row)
            pieces.append(files[part.file].get_slice(key)[start : max(start, last - part.first_row)])
    joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    if len(joined) != len(rows):
        raise JobRefused("bad_input", f"the checkpoint's {key!r} has {len(joined)} of {len(rows)} rows", cure=CURE)
    return joined


def _fits_check(index: StateIndex, optimisers: Optimisers) -> None:
    if index.optimizer != optimisers.config.optimizer:
        said = f"the checkpoint's state is of the optimizer {index.optimizer!r}, not {optimisers.config.optimizer!r}"
        raise JobRefused("bad_input", said, cure=f"set optimizer to {index.optimizer!r}, or use it as a parent")
    stored = {key.rpartition(":")[0] for key in index.tensors if key != RNG_KEY}
    for wrong, said in ((optimisers.named.keys() - stored, "lacks"), (stored - optimisers.named.keys(), "has")):
        if stored and wrong:
            name = min(wrong)
            raise JobRefused("bad_input", f"the checkpoint's optimiser state {said} {name!r}", cure=CURE)
    for key, tensor in index.tensors.items():
        if key != RNG_KEY and tensor.shape:
            expected = optimisers.named[key.rpartition(":")[0]].shape[0]
            if tensor.shape[0] != expected:
                raise JobRefused("bad_input", f"{key!r} has {tensor.shape[0]} rows, not {expected}", cure=CURE)
