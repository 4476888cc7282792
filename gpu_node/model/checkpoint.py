"""A checkpoint on disk IS a Hugging Face folder: config.json, safetensors, tokenizer files, generation_config.json.

Saving is atomic (written beside the target, then renamed) and never pickles. Optimiser state is not here: the trainer
keeps its own. Loading accepts any plain Llama folder, sharded or not, whoever made it, if its tensors are exactly those
that config.json asks for.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gpu_node.model.config import ModelConfig, config_from_hf, config_to_hf
from gpu_node.model.quantize import SCALE, Quantization, dequantize, quantization_from_hf, quantization_to_hf
from gpu_node.model.transformer import Transformer

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
INVERSE_FREQUENCIES = ".rotary_emb.inv_freq"  # old transformers kept them, a copy of what config.json says
# One shard's size: what a download can repeat after a dropped line without pain.
SHARD_BYTES_MAX = 5_000_000_000


def save_checkpoint(
    folder: Path,
    model: Transformer,
    *,
    dtype: torch.dtype = torch.bfloat16,
    tokenizer_files: Mapping[str, str] | None = None,
    generation: Mapping[str, Any] | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
    quantization: Quantization | None = None,
    whole: Callable[[str, torch.Tensor], torch.Tensor] = lambda _name, tensor: tensor,
    add_files: Callable[[Path], None] | None = None,
) -> None:
    """Replaces `folder` as a whole. `tokenizer_files` maps file names to their text; `weights` stand for the model's
    own, as quantised by `quantization`; `whole` gathers one that is sharded: asked in the order of the state dict, for
    one file's tensors at a time; `add_files` may write more into the folder before it is swapped in."""

    def fill(staging: Path) -> None:
        hf = config_to_hf(model.config, dtype=str(dtype).removeprefix("torch."))
        if quantization is not None:
            hf["quantization_config"] = quantization_to_hf(quantization)
        _json_write(staging / "config.json", hf)
        _words_write(staging, model.config, tokenizer_files=tokenizer_files or {}, generation=generation or {})
        state = model.state_dict() if weights is None else weights
        _weights_write(staging, state, lambda name: _written(name, whole(name, state[name]), dtype), dtype)
        if add_files:
            add_files(staging)

    folder_make(folder, fill)


def folder_make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Replaces `folder` as a whole by what `fill` writes."""
    staging = staging_of(folder)
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(parents=True)
    fill(staging)
    folder_replace(staging, folder)


def _words_write(
    staging: Path, config: ModelConfig, *, tokenizer_files: Mapping[str, str], generation: Mapping[str, Any]
) -> None:
    """All of a checkpoint but its configuration and weights."""
    if not config.has_score_head:
        generation = {
            "bos_token_id": config.bos_token_id,
            "pad_token_id": config.pad_token_id,
            # Both ends of a turn: without the call's end, other engines run on past a tool call and bill for it.
            "eos_token_id": list(config.eos_token_ids),
            **generation,
        }
        _json_write(staging / "generation_config.json", generation)
    for name, text in tokenizer_files.items():
        (staging / name).write_text(text, encoding="utf-8")


def staging_of(folder: Path) -> Path:
    """Where a checkpoint is made before it is swapped in."""
    return folder.with_name(f".{folder.name}.partial")


def _dtype_written(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.dtype:
    is_kept = not tensor.is_floating_point() or name.endswith(SCALE)
    return tensor.dtype if is_kept else dtype


def _written(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.detach().to("cpu", _dtype_written(name, tensor, dtype)).contiguous()


def load_checkpoint(
    folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> tuple[Transformer, ModelConfig]:
    """Raises FileNotFoundError, and ValueError with what is wrong: config.json, a missing or an extra tensor."""
    hf = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = config_from_hf(hf)
    with torch.device("meta"):
        model = Transformer(config)
    try:
        dense = dequantize(weights_read(folder), quantization_from_hf(hf))
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    tensors = state_checked(dense, model, place=str(folder))
    model.load_state_dict({name: t.to(device=device, dtype=dtype) for name, t in tensors.items()}, assign=True)
    return model.eval(), config


def state_checked(tensors: Mapping[str, torch.Tensor], model: Transformer, *, place: str) -> dict[str, torch.Tensor]:
    """The tensors that the model takes, without harmless copies. Raises ValueError: one is missing, extra, or has
    another shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    copies = {"lm_head.weight"} if model.config.is_tied else set()
    taken = {n: t for n, t in tensors.items() if n not in copies and not n.endswith(INVERSE_FREQUENCIES)}
    cure = "the folder is incomplete or of another architecture: fetch it again, or take a Llama-layout model"
    if missing := sorted(expected.keys() - taken.keys()):
        raise ValueError(f"{place}: {len(missing)} tensors are missing, first {missing[0]!r}; {cure}")
    if extra := sorted(taken.keys() - expected.keys()):
        raise ValueError(f"{place}: {len(extra)} tensors are not of this architecture, first {extra[0]!r}; {cure}")
    for name, shape in expected.items():
        if tuple(taken[name].shape) != shape:
            raise ValueError(f"{place}: {name!r} is {tuple(taken[name].shape)}, config.json asks for {shape}; {cure}")
    return taken


def folder_replace(staging: Path, target: Path) -> None:
    """Swaps a finished folder into place; a crash leaves the old one or the new one, never half of either."""
    old = target.with_name(f".{target.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        os.rename(target, old)
    os.rename(staging, target)
    if old.exists():
        shutil.rmtree(old)


def _weights_write(
    folder: Path, state: Mapping[str, torch.Tensor], written: Callable[[str], torch.Tensor], dtype: torch.dtype
) -> None:
    """One file's tensors are in memory at a time; `state` says only what there is."""
    sizes = {name: t.numel() * _dtype_written(name, t, dtype).itemsize for name, t in state.items()}
    shards: list[list[str]] = [[]]
    size = 0
    for name, num_bytes in sizes.items():
        if shards[-1] and size + num_bytes > SHARD_BYTES_MAX:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += num_bytes
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file_name = f"model-{number:05d}-of-{len(shards):05d}.safetensors" if len(shards) > 1 else WEIGHTS_FILE
        save_file({name: written(name) for name in names}, folder / file_name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file_name)
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        _json_write(folder / INDEX_FILE, index)


@contextmanager
def weights_open(folder: Path) -> Iterator[dict[str, Any]]:
    """The open safetensors file of each tensor, to read slices of."""
    with ExitStack() as stack:
        stored: dict[str, Any] = {}
        for name in _weight_files(folder):
            file = stack.enter_context(safe_open(folder / name, framework="pt", device="cpu"))
            stored |= dict.fromkeys(file.keys(), file)
        yield stored


def weights_read(folder: Path) -> dict[str, torch.Tensor]:
    with weights_open(folder) as stored:
        return {name: file.get_tensor(name) for name, file in stored.items()}


def _weight_files(folder: Path) -> list[str]:
    names = [WEIGHTS_FILE]
    if (folder / INDEX_FILE).exists():
        weight_map = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(weight_map.values()))
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise FileNotFoundError(f"{folder}: {absent[0]} is missing; weights are read from safetensors, complete")
    return names


def _json_write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
