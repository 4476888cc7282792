"""Keys and values of id sequences that were read before, to go on from the longest prefix of a new one.

Shapes: L layers, K key/value heads, S token places, D head width. What was used longest ago goes first. Not here:
a batch that grows in place (kv_cache.py). Invariant: a state is that of exactly its ids, and is never written to.
"""

from collections import OrderedDict

from torch import Tensor

Ids = tuple[int, ...]


class PrefixCache:
    def __init__(self, *, tokens_max: int) -> None:
        self.num_tokens = 0  # kept now, over all sequences
        self._tokens_max = tokens_max
        self._states: OrderedDict[Ids, Tensor] = OrderedDict()

    def longest(self, ids: list[int]) -> Tensor | None:
        """The state (2, L, K, S, D) of the longest prefix that leaves an id to be read; None where there is none."""
        for length in sorted({len(kept) for kept in self._states if len(kept) < len(ids)}, reverse=True):
            prefix = tuple(ids[:length])
            if prefix in self._states:
                self._states.move_to_end(prefix)
                return self._states[prefix]
        return None

    def keep(self, ids: list[int], state_2LKSD: Tensor) -> None:
        if len(ids) > self._tokens_max:
            return
        kept = tuple(ids)
        if kept not in self._states:
            self.num_tokens += len(kept)
        self._states[kept] = state_2LKSD
        self._states.move_to_end(kept)
        while self.num_tokens > self._tokens_max:
            gone, _ = self._states.popitem(last=False)
            self.num_tokens -= len(gone)
