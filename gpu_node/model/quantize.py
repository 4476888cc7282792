"""Weight-only INT8 and INT4 in the "pack-quantized" layout of compressed-tensors, which transformers and vLLM read too.

A matrix `X.weight` of a layer becomes `X.weight_packed` (int32, the columns' values side by side, lowest bits first),
`X.weight_scale` (one a group of columns) and `X.weight_shape`; embeddings, norms and heads stay as they are. Values
are symmetric around zero. Our engine multiplies them out at load: unpacking for each product is many times slower on a
CPU (docs/serving.md has the figures), so a quantised folder saves disk and transfer here; vLLM keeps it packed.
Not here: files (checkpoint.py), the job (gpu_node/training). Source: vllm-project/compressed-tensors, `pack_to_int32`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

PACKED, SCALE, SHAPE = "_packed", "_scale", "_shape"  # after "….weight"
METHOD, FORMAT = "compressed-tensors", "pack-quantized"
WORD_BITS = 32
GROUP_SIZES = (128, 64, 32)  # that kernels exist for; the first that divides every width is taken
# How far beyond the largest value of a group its range reaches, tried in turn: cutting off a rare large value costs
# less than a coarse step for all others. With 8 bits the step is so fine that nothing is worth cutting off.
RANGES = {8: (1.0,), 4: tuple(1.0 - 0.04 * step for step in range(9))}
SCALE_MIN = 1e-8  # of a group of zeros


@dataclass(frozen=True, kw_only=True)
class Quantization:
    bits: int
    group_size: int

    @property
    def largest(self) -> int:
        return int(2 ** (self.bits - 1)) - 1

    @property
    def values_per_word(self) -> int:
        return WORD_BITS // self.bits


def quantization_of(state: Mapping[str, Tensor], *, bits: int, group_size: int | None) -> Quantization:
    """With the group size asked for, or the largest that fits. Raises ValueError: none, or not this one, fits."""
    widths = sorted({tensor.shape[1] for name, tensor in state.items() if is_quantized(name, tensor)})
    fitting = [size for size in GROUP_SIZES if all(width % size == 0 for width in widths)]
    if group_size is None and fitting:
        return Quantization(bits=bits, group_size=fitting[0])
    if group_size in fitting:
        return Quantization(bits=bits, group_size=group_size)
    cure = f"take {' or '.join(map(str, fitting))}" if fitting else "this model cannot be quantised in groups"
    asked = f"group_size {group_size}" if group_size is not None else f"none of {GROUP_SIZES}"
    raise ValueError(f"{asked} does not divide all widths {widths} of the model's matrices: {cure}")


def is_quantized(name: str, tensor: Tensor) -> bool:
    return tensor.ndim == 2 and ".layers." in name and name.endswith(".weight")


def quantization_to_hf(quantization: Quantization) -> dict[str, Any]:
    """`quantization_config` of config.json. It names the heads as left out: they are linear layers too."""
    weights = {
        "num_bits": quantization.bits,
        "type": "int",
        "symmetric": True,
        "strategy": "group",
        "group_size": quantization.group_size,
        "dynamic": False,
    }
    group = {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None}
    return {
        "quant_method": METHOD,
        "format": FORMAT,
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": ["lm_head", "score"],
    }


def quantization_from_hf(hf: Mapping[str, Any]) -> Quantization | None:
    """None where config.json names no quantisation. Raises ValueError: one that is not read here."""
    written = hf.get("quantization_config")
    if written is None:
        return None
    method, form = written.get("quant_method"), written.get("format")
    if (method, form) != (METHOD, FORMAT):
        raise ValueError(f"quantised as {method!r}, {form!r}: only {METHOD!r}, {FORMAT!r} is read here")
    groups = list(written.get("config_groups", {}).values())
    weights = groups[0].get("weights") or {} if len(groups) == 1 else {}
    is_read = weights.get("type") == "int" and weights.get("symmetric") and weights.get("num_bits") in RANGES
    is_read = is_read and weights.get("strategy") in ("group", "channel")
    is_read = is_read and weights.get("actorder") in (None, "weight", "static")  # other orders permute the columns
    if not is_read or groups[0].get("input_activations"):
        raise ValueError(f"quantised weights {weights}: only symmetric integers of 8 or 4 bits without activations")
    return Quantization(bits=weights["num_bits"], group_size=weights.get("group_size") or 0)


def pack(values_OI: Tensor, bits: int) -> Tensor:
    """int8 (O, I) as int32 (O, I · bits / 32). I must fill its words."""
    shifts = torch.arange(0, WORD_BITS, bits)
    unsigned = (values_OI.to(torch.int64) + 2 ** (bits - 1)).view(len(values_OI), -1, WORD_BITS // bits)
    words = (unsigned << shifts).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def unpack(packed_OW: Tensor, bits: int, num_columns: int) -> Tensor:
    """The inverse: int8 (O, num_columns)."""
    shifts = torch.arange(0, WORD_BITS, bits, dtype=torch.int32)
    unsigned = (packed_OW[..., None] >> shifts) & (2**bits - 1)
    return (unsigned - 2 ** (bits - 1)).to(torch.int8).reshape(len(packed_OW), -1)[:, :num_columns]


def quantize_matrix(weight_OI: Tensor, quantization: Quantization, scale_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(int8 values (O, I), scales (O, I / group)): of the ranges tried, each group has the one of least square error.

    The scales are rounded to `scale_dtype` first, so that the values are rounded for what is stored.
    """
    groups_OGN = weight_OI.float().view(len(weight_OI), -1, quantization.group_size)
    largest_OG1 = groups_OGN.abs().amax(dim=-1, keepdim=True)
    best = (torch.full_like(largest_OG1, float("inf")), largest_OG1, groups_OGN)
    for share in RANGES[quantization.bits]:
        scale_OG1 = (largest_OG1 * share / quantization.largest).clamp_min(SCALE_MIN).to(scale_dtype).float()
        values_OGN = (groups_OGN / scale_OG1).round().clamp(-quantization.largest - 1, quantization.largest)
        error_OG1 = (values_OGN * scale_OG1 - groups_OGN).square().sum(dim=-1, keepdim=True)
        is_better_OG1 = error_OG1 < best[0]
        tried = (error_OG1, scale_OG1, values_OGN)
        best = tuple(torch.where(is_better_OG1, new, old) for new, old in zip(tried, best, strict=True))  # type: ignore[assignment]
    return best[2].to(torch.int8).view_as(weight_OI), best[1].squeeze(-1).to(scale_dtype)


def quantize_state(
    state: Mapping[str, Tensor], quantization: Quantization, *, scale_dtype: torch.dtype = torch.bfloat16
) -> tuple[dict[str, Tensor], float]:
    """(tensors, relative error over all quantised matrices)."""
    written: dict[str, Tensor] = {}
    error = total = 0.0
    for name, tensor in state.items():
        if not is_quantized(name, tensor):
            written[name] = tensor
            continue
        values_OI, scale_OG = quantize_matrix(tensor, quantization, scale_dtype)
        written[name + PACKED] = pack(values_OI, quantization.bits)
        written[name + SCALE] = scale_OG
        written[name + SHAPE] = torch.tensor(tensor.shape)
        error += float((_multiplied(values_OI, scale_OG) - tensor.float()).square().sum())
        total += float(tensor.float().square().sum())
    return written, (error / max(total, 1e-30)) ** 0.5


def _multiplied(values_OI: Tensor, scale_OG: Tensor) -> Tensor:
    num_rows, num_groups = scale_OG.shape
    return (values_OI.view(num_rows, num_groups, -1).float() * scale_OG.float()[..., None]).view_as(values_OI)


def dequantize(tensors: Mapping[str, Tensor], quantization: Quantization | None) -> dict[str, Tensor]:
    """Any state as floating numbers, in fp32 where they were packed. Raises ValueError: the file is not what its
    config.json says."""
    dense = {name: tensor for name, tensor in tensors.items() if not name.endswith((PACKED, SCALE, SHAPE))}
    packed = {name.removesuffix(PACKED) for name in tensors if name.endswith(PACKED)}
    if quantization is None:
        if packed or any(tensor.dtype == torch.int8 for tensor in dense.values()):
            raise ValueError(
                "the weights are quantised, but config.json has no quantization_config: quantise them anew"
            )
        return dense
    for name in packed:
        dense[name] = _dequantized(name, tensors, quantization)
    return dense


def _dequantized(name: str, tensors: Mapping[str, Tensor], quantization: Quantization) -> Tensor:
    missing = [name + suffix for suffix in (SCALE, SHAPE) if name + suffix not in tensors]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing beside {name + PACKED!r}")
    packed_OW, scale_OG = tensors[name + PACKED], tensors[name + SCALE]
    num_rows, num_columns = tensors[name + SHAPE].tolist()
    num_words, rest = divmod(num_columns, quantization.values_per_word)
    if packed_OW.shape != (num_rows, num_words + bool(rest)):
        raise ValueError(
            f"{name + PACKED!r} has the shape {tuple(packed_OW.shape)}, but {num_rows} x {num_columns} values of "
            f"{quantization.bits} bits need {(num_rows, num_words + bool(rest))}: the bits in config.json are wrong"
        )
    num_groups = num_columns // quantization.group_size if quantization.group_size else 1
    if scale_OG.shape != (num_rows, num_groups) or num_columns % num_groups:
        raise ValueError(
            f"{name + SCALE!r} has {scale_OG.shape[-1]} groups a row, but {num_columns} columns in groups of "
            f"{quantization.group_size} are {num_groups}: the group_size in config.json is wrong"
        )
    return _multiplied(unpack(packed_OW, quantization.bits, num_columns), scale_OG)
