"""How often the model, shown the right text so far, would write exactly the right text on: the number to watch.

A teacher-forced exact call means that sampling at temperature 0 writes this call too. The loss hides what this shows:
well-formed calls with the wrong numbers in them cost little loss and solve nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_node.data.chat_format import SpecialIds
from gpu_node.data.packing import Batch, EpochOrder, RowPool
from gpu_node.model.transformer import Transformer

BATCH_TOKENS = 8192


class ExactRates:
    """Called with a model: {"call": …, "row": …, "call/<group>": …}, rates from 0 to 1 over the rows of a pool.

    "call": all tokens of all its calls (rows without a call are left out); "row": all that the assistant writes.
    """

    def __init__(self, pool: RowPool, ids: SpecialIds) -> None:
        self.pool, self.ids = pool, ids

    def __call__(self, model: Transformer) -> dict[str, float]:
        calls: dict[str, list[bool]] = {}
        rows: list[bool] = []
        order = EpochOrder(self.pool, batch_tokens=BATCH_TOKENS, seed=0)
        number = 0
        while len(rows) < len(self.pool):
            batch = order.batch(number)
            number += 1
            is_right_BT = self._right(model, batch)
            in_call_BT = self._in_call(batch) & (batch.weights_BT >= 1.0)
            rows += _every_B(is_right_BT | (batch.weights_BT < 1.0))
            has_call_B = [not none for none in _every_B(~in_call_BT)]
            is_call_right_B = _every_B(is_right_BT | ~in_call_BT)
            for group, has_call, is_right in zip(batch.groups_B, has_call_B, is_call_right_B, strict=True):
                if has_call:
                    calls.setdefault(self.pool.group_names[group], []).append(is_right)
        everything = [is_right for group in calls.values() for is_right in group]
        rates = {"call": _mean(everything), "row": _mean(rows)}
        return rates | {f"call/{name}": _mean(calls[name]) for name in sorted(calls)}

    def _right(self, model: Transformer, batch: Batch) -> NDArray[np.bool_]:
        predicted_BT = model(torch.from_numpy(batch.ids_BT)).argmax(-1).numpy()
        is_right_BT = np.zeros(batch.ids_BT.shape, bool)
        is_right_BT[:, 1:] = predicted_BT[:, :-1] == batch.ids_BT[:, 1:]
        return is_right_BT

    def _in_call(self, batch: Batch) -> NDArray[np.bool_]:
        """From after a call's opening token to its closing one; the choice to call is counted by "row"."""
        opened = np.cumsum(batch.ids_BT == self.ids.tool_call, axis=1)
        closed = np.cumsum(batch.ids_BT == self.ids.tool_call_end, axis=1)
        is_first = batch.ids_BT == self.ids.tool_call
        is_last = batch.ids_BT == self.ids.tool_call_end
        return ((opened > closed) & ~is_first) | is_last


def _every_B(holds_BT: NDArray[np.bool_]) -> list[bool]:
    return [bool(row.all()) for row in holds_BT]


def _mean(values: list[bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0
