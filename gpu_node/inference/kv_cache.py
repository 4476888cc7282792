"""Keys and values of the running batch in slots, and of waiting sequences parked beside it.

Shapes: L layers, N slots, K key/value heads, S token places, D head width. The batch is always slots 0..n-1, so
attention reads views of one tensor and copies nothing. It has the face that `Transformer` asks of a cache
(`select`, `extend`). Invariants: places beyond a sequence's length hold rubbish that is overwritten before it is
attended to; the tensor grows in steps up to the context, never shrinks.
"""

import torch
from torch import Tensor

from gpu_node.model.config import ModelConfig

GROW_TOKENS = 256  # a short question does not pay for the whole context


class SlotCache:
    def __init__(self, config: ModelConfig, *, num_slots: int, dtype: torch.dtype, device: str = "cpu") -> None:
        self.max_tokens = config.context_tokens
        self._num_slots = num_slots
        self._layers = [
            _Layer(num_slots, config.num_kv_heads, config.head_dim, dtype, device) for _ in range(config.num_layers)
        ]
        self._capacity = 0
        self._rows = slice(0, 0)
        self._places: Tensor | slice = slice(0, 0)
        self._num_read = 0

    def prefill(self, slot: int, *, start: int, num_tokens: int) -> None:
        """Points the coming forward pass at one slot, from place `start` on."""
        self._rows = slice(slot, slot + 1)
        self._places = slice(start, start + num_tokens)
        self._num_read = start + num_tokens
        self._grow(self._num_read)

    def decode(self, lengths: list[int]) -> None:
        """Points the coming forward pass at slots 0..n-1, one new token each behind its length."""
        self._rows = slice(0, len(lengths))
        self._places = torch.tensor(lengths)
        self._num_read = max(lengths) + 1
        self._grow(self._num_read)

    def select(self, slots_B: Tensor | None, positions_BT: Tensor) -> Tensor:
        """The attention mask (B, 1, T, S) of the pass that was set up; the slots are already chosen."""
        reachable_S = torch.arange(self._num_read)
        return (reachable_S <= positions_BT[..., None]).unsqueeze(1)

    def extend(self, layer: int, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        return self._layers[layer].write(self._rows, self._places, k_BKTD, v_BKTD, self._num_read)

    def park(self, slot: int, *, num_tokens: int) -> Tensor:
        """A copy of a slot's state, to be kept outside of the batch: (L, 2, K, S, D)."""
        return torch.stack([layer.read(slot, num_tokens) for layer in self._layers])

    def unpark(self, slot: int, parked_L2KSD: Tensor) -> None:
        num_tokens = parked_L2KSD.shape[3]
        self._grow(num_tokens)
        for layer, state_2KSD in zip(self._layers, parked_L2KSD, strict=True):
            layer.put(slot, state_2KSD)

    def move(self, source: int, target: int, *, num_tokens: int) -> None:
        """Makes the batch contiguous again after a sequence has left it."""
        for layer in self._layers:
            layer.put(target, layer.read(source, num_tokens))

    def _grow(self, num_tokens: int) -> None:
        assert num_tokens <= self.max_tokens, f"{num_tokens} tokens in a context of {self.max_tokens}"
        if num_tokens <= self._capacity:
            return
        steps = -(-num_tokens // GROW_TOKENS)
        self._capacity = min(self.max_tokens, steps * GROW_TOKENS)
        for layer in self._layers:
            layer.grow(self._capacity)


class _Layer:
    def __init__(self, num_slots: int, num_heads: int, head_dim: int, dtype: torch.dtype, device: str) -> None:
        self.state_2NKSD = torch.zeros((2, num_slots, num_heads, 0, head_dim), dtype=dtype, device=device)

    def write(
        self, rows: slice, places: Tensor | slice, k_BKTD: Tensor, v_BKTD: Tensor, num_read: int
    ) -> tuple[Tensor, Tensor]:
        keys_BKSD, values_BKSD = self.state_2NKSD[0, rows], self.state_2NKSD[1, rows]
        if isinstance(places, slice):
            keys_BKSD[:, :, places] = k_BKTD
            values_BKSD[:, :, places] = v_BKTD
        else:
            index_BK1D = places.view(-1, 1, 1, 1).expand(k_BKTD.shape)
            keys_BKSD.scatter_(2, index_BK1D, k_BKTD)
            values_BKSD.scatter_(2, index_BK1D, v_BKTD)
        return keys_BKSD[:, :, :num_read], values_BKSD[:, :, :num_read]

    def read(self, slot: int, num_tokens: int) -> Tensor:
        return self.state_2NKSD[:, slot, :, :num_tokens].clone()

    def put(self, slot: int, state_2KSD: Tensor) -> None:
        self.state_2NKSD[:, slot, :, : state_2KSD.shape[2]] = state_2KSD

    def grow(self, capacity: int) -> None:
        two, num_slots, num_heads, num_tokens, head_dim = self.state_2NKSD.shape
        grown = self.state_2NKSD.new_zeros((two, num_slots, num_heads, capacity, head_dim))
        grown[:, :, :, :num_tokens] = self.state_2NKSD
        self.state_2NKSD = grown
