"""Keys and values of the running batch in slots, and of waiting sequences parked beside it.

Shapes: L layers, N slots, K key/value heads, S token places, D head width. The batch is always slots 0..n-1, so
attention reads views of one tensor and copies nothing. It has the face that `Transformer` asks of a cache
(`select`, `extend`). Invariants: places beyond a sequence's length hold rubbish that is overwritten before it is
attended to; the tensors grow in steps up to the context and the slots there may be, and never shrink.
"""

import torch
from torch import Tensor

from gpu_node.model.config import ModelConfig

GROW_TOKENS = 256  # a short question does not pay for the whole context
# Places are attended to in steps of so many: a GPU plans attention anew for each new shape, which takes 40 ms.
READ_TOKENS = {"cpu": 1, "cuda": 128}


class SlotCache:
    def __init__(self, config: ModelConfig, *, num_slots: int, dtype: torch.dtype, device: torch.device) -> None:
        self.max_tokens = config.context_tokens
        self._device = device
        self._num_slots_max = num_slots
        shape = (2, 0, config.num_kv_heads, 0, config.head_dim)
        self._layers = [_Layer(torch.zeros(shape, dtype=dtype, device=device)) for _ in range(config.num_layers)]
        self._num_slots = self._num_places = 0
        self._read_step = READ_TOKENS[torch.device(device).type]
        self._rows = slice(0, 0)
        self._places: Tensor | slice = slice(0, 0)
        self._num_read = 0

    def prefill(self, slot: int, *, start: int, num_tokens: int) -> None:
        """Points the coming forward pass at one slot, from place `start` on."""
        self._rows = slice(slot, slot + 1)
        self._places = slice(start, start + num_tokens)
        self._read(slot + 1, start + num_tokens)

    def decode(self, lengths: list[int]) -> None:
        """Points the coming forward pass at slots 0..n-1, one new token each behind its length."""
        self._rows = slice(0, len(lengths))
        self._places = torch.tensor(lengths, device=self._device)
        self._read(len(lengths), max(lengths) + 1)

    def select(self, slots_B: Tensor | None, positions_BT: Tensor) -> Tensor:
        """The attention mask (B, 1, T, S) of the pass that was set up; the slots are already chosen."""
        reachable_S = torch.arange(self._num_read, device=self._device)
        return (reachable_S <= positions_BT[..., None]).unsqueeze(1)

    def extend(self, layer: int, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        return self._layers[layer].write(self._rows, self._places, k_BKTD, v_BKTD, self._num_read)

    def park(self, slot: int, *, num_tokens: int) -> Tensor:
        """A copy of a slot's state, to be kept outside of the batch: (L, 2, K, S, D)."""
        first = self._layers[0].read(slot, num_tokens)
        parked_L2KSD = first.new_empty((len(self._layers), *first.shape))
        for layer, state_2KSD in zip(self._layers, parked_L2KSD, strict=True):
            state_2KSD.copy_(layer.read(slot, num_tokens))
        return parked_L2KSD

    def unpark(self, slot: int, parked_L2KSD: Tensor) -> None:
        num_tokens = parked_L2KSD.shape[3]
        self._grow(slot + 1, num_tokens)
        for layer, state_2KSD in zip(self._layers, parked_L2KSD, strict=True):
            layer.put(slot, state_2KSD)

    def move(self, source: int, target: int, *, num_tokens: int) -> None:
        """Makes the batch contiguous again after a sequence has left it."""
        for layer in self._layers:
            layer.put(target, layer.read(source, num_tokens))

    def wipe(self, slot: int) -> None:
        """Zeroes a slot that holds numbers which are not finite: masked places count nothing only if theirs are."""
        for layer in self._layers:
            layer.state_2NKSD[:, slot] = 0

    @property
    def num_bytes(self) -> int:
        return sum(layer.state_2NKSD.nbytes for layer in self._layers)

    def _read(self, num_slots: int, num_tokens: int) -> None:
        self._grow(num_slots, num_tokens)
        self._num_read = min(self._num_places, -(-num_tokens // self._read_step) * self._read_step)

    def _grow(self, num_slots: int, num_tokens: int) -> None:
        """Both sides double, so that a batch which fills up is copied a few times only, into few holes."""
        assert num_tokens <= self.max_tokens, f"{num_tokens} tokens in a context of {self.max_tokens}"
        if num_slots <= self._num_slots and num_tokens <= self._num_places:
            return
        if num_slots > self._num_slots:
            self._num_slots = min(self._num_slots_max, 2 ** (num_slots - 1).bit_length())
        if num_tokens > self._num_places:
            self._num_places = min(self.max_tokens, max(GROW_TOKENS, 2 ** (num_tokens - 1).bit_length()))
        for layer in self._layers:
            layer.grow(self._num_slots, self._num_places)


class _Layer:
    def __init__(self, state_2NKSD: Tensor) -> None:
        self.state_2NKSD = state_2NKSD

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
        return self.state_2NKSD[:, slot, :, :num_tokens]

    def put(self, slot: int, state_2KSD: Tensor) -> None:
        self.state_2NKSD[:, slot, :, : state_2KSD.shape[2]] = state_2KSD

    def grow(self, num_slots: int, num_places: int) -> None:
        two, old_slots, num_heads, old_places, head_dim = self.state_2NKSD.shape
        grown = self.state_2NKSD.new_zeros((two, num_slots, num_heads, num_places, head_dim))
        grown[:, :old_slots, :, :old_places] = self.state_2NKSD
        self.state_2NKSD = grown
