"""Weights that somebody else trained, as ours: a model read whole, and the rows that new tokens need.

Read by gpu_node/model/foreign_folder.py and foreign_gguf.py; written by gpu_node/training/import_model.py.
Invariant of `vocabulary_extend`: a new row is a convex mixture of all old rows with a share of each, so its logit stays
below the largest old one: the imported model's greedy text is the original's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gpu_node.model.config import WIDTH_MULTIPLE, ModelConfig

VOCABULARY_TENSORS = ("model.embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True, kw_only=True)
class ForeignModel:
    """`config` still has the token ids that its maker wrote; `licence` and `title` are "" where nothing says them."""

    config: ModelConfig
    tensors: dict[str, Tensor]
    dtype: torch.dtype
    title: str
    licence: str


def vocabulary_extend(
    tensors: Mapping[str, Tensor], *, vocab_size: int, pieces: Mapping[int, Sequence[int]]
) -> dict[str, Tensor]:
    """The tensors with `vocab_size` rows. A token of `pieces` (its id to the ids that spell its name) begins between
    the mean of all rows and that of its pieces; a row that no token has is the mean of all."""
    extended = dict(tensors)
    for name in VOCABULARY_TENSORS:
        if name not in tensors:
            continue
        old_VC = tensors[name].float()
        mean_C = old_VC.mean(0)
        new_VC = mean_C.repeat(vocab_size, 1)
        new_VC[: len(old_VC)] = old_VC
        for token_id, spelled in pieces.items():
            new_VC[token_id] = (mean_C + old_VC[list(spelled)].mean(0)) / 2 if spelled else mean_C
        extended[name] = new_VC.to(tensors[name].dtype)
    return extended


def vocabulary_rows(num_tokens: int) -> int:
    """Rows of the embedding for so many tokens: kernels and tensor parallelism need a round number."""
    return -(-num_tokens // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
