"""Draws the next id of each row of a batch: forbidden ids out, greedy or by temperature and top_p.

Each row brings its own random number, drawn by its own seeded generator, so what one sequence says does not
depend on who runs beside it. Shapes: B rows, V ids.
"""

from typing import Any

import torch
from torch import Tensor

from gpu_node.inference.backend import TEMPERATURE_MIN, SamplingParams


class Forbidden:
    """Masks of forbidden ids, one row per distinct set."""

    def __init__(self, *, vocab_size: int, num_used: int, device: torch.device) -> None:
        self._base_V = torch.zeros(vocab_size, dtype=torch.bool, device=device)
        self._base_V[num_used:] = True  # ids that pad the weights beyond the tokenizer have no text
        self._rows: dict[frozenset[int], Tensor] = {}

    def rows(self, sets: list[frozenset[int]]) -> Tensor:
        """(B, V), or (1, V) when all sets are the same, as they are for most batches."""
        distinct = set(sets)
        if len(distinct) == 1:
            return self._row(sets[0])[None]
        return torch.stack([self._row(ids) for ids in sets])

    def _row(self, ids: frozenset[int]) -> Tensor:
        if ids not in self._rows:
            row_V = self._base_V.clone()
            row_V[sorted(ids)] = True
            self._rows[ids] = row_V
        return self._rows[ids]


def sample(logits_BV: Tensor, forbidden_BV: Tensor, params: list[SamplingParams], uniforms: list[float]) -> list[int]:
    """One id a row; -1 where the logits are not finite. `uniforms` are in [0, 1), unused where greedy."""
    logits_BV = logits_BV.masked_fill(forbidden_BV, float("-inf"))
    best_B, ids_B = logits_BV.max(dim=-1)
    ids = ids_B.tolist()
    for row, is_finite in enumerate(torch.isfinite(best_B).tolist()):
        if not is_finite:
            ids[row] = -1
    drawn = [row for row, p in enumerate(params) if p.temperature >= TEMPERATURE_MIN and ids[row] >= 0]
    if drawn:
        sampled = _draw(logits_BV[drawn], [params[row] for row in drawn], [uniforms[row] for row in drawn])
        for row, token_id in zip(drawn, sampled, strict=True):
            ids[row] = token_id
    return ids


def _draw(logits_BV: Tensor, params: list[SamplingParams], uniforms: list[float]) -> list[int]:
    wide: dict[str, Any] = {"dtype": torch.float32, "device": logits_BV.device}
    temperatures_B1 = torch.tensor([[p.temperature] for p in params], **wide)
    top_p_B1 = torch.tensor([[p.top_p] for p in params], **wide)
    uniforms_B1 = torch.tensor([[u] for u in uniforms], **wide)
    probabilities_BV = torch.softmax(logits_BV.float() / temperatures_B1, dim=-1)
    sorted_BV, order_BV = probabilities_BV.sort(dim=-1, descending=True, stable=True)
    # An id stays while the mass before it is below top_p: the likeliest always does.
    is_kept_BV = sorted_BV.cumsum(dim=-1) - sorted_BV < top_p_B1
    mass_BV = (sorted_BV * is_kept_BV).cumsum(dim=-1)
    places_B1 = torch.searchsorted(mass_BV, uniforms_B1 * mass_BV[:, -1:], right=True)
    last_kept_B1 = is_kept_BV.sum(dim=-1, keepdim=True) - 1
    return order_BV.gather(1, torch.minimum(places_B1, last_kept_B1)).squeeze(1).tolist()
