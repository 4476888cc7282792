"""Weight-only INT8: each row of a matrix by its own scale, symmetric; embeddings, norms and heads stay as they are.

A quantised checkpoint keeps the folder's layout; `X.weight` is int8 and `X.weight_scale` stands beside it. Loading
multiplies them out again: this saves disk and transfer, not memory. Not here: the job (gpu_node/training).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE_SUFFIX = "_scale"
LARGEST = 127  # of int8, symmetric: -128 stays unused


def quantize_state(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], float]:
    """(tensors, relative error over all quantised matrices)."""
    written: dict[str, Tensor] = {}
    error = total = 0.0
    for name, tensor in state.items():
        if tensor.ndim != 2 or ".layers." not in name:
            written[name] = tensor
            continue
        wide = tensor.float()
        scale = wide.abs().amax(dim=1).clamp_min(1e-12) / LARGEST
        rounded = (wide / scale[:, None]).round().clamp(-LARGEST, LARGEST).to(torch.int8)
        written[name], written[name + SCALE_SUFFIX] = rounded, scale
        error += float((rounded * scale[:, None] - wide).square().sum())
        total += float(wide.square().sum())
    return written, (error / max(total, 1e-30)) ** 0.5


def dequantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Any state as floating numbers; one that was never quantised is given back."""
    scales = {name: tensor for name, tensor in tensors.items() if name.endswith(SCALE_SUFFIX)}
    return {
        name: tensor.float() * scales[name + SCALE_SUFFIX][:, None] if name + SCALE_SUFFIX in scales else tensor
        for name, tensor in tensors.items()
        if name not in scales
    }
