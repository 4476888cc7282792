"""Who computes what in the next step of the engine: pure bookkeeping, no torch.

The running batch is a list whose index is the slot; it stays contiguous. Waiting sequences enter in order as
slots get free. Long prompts are computed in chunks, so that they delay the others by one chunk, not by all of it.
Invariant: a sequence is waiting, running, or neither (parked: its asker is busy with a tool); never two of them.
"""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gpu_node.inference.backend import SamplingParams

PREFILL_TOKENS_MAX = 512  # a step: on 2 cores and 3M parameters about 30 ms


@dataclass(eq=False, kw_only=True)
class SequenceState:
    """What the engine's thread knows of one sequence. Lengths are derived from `ids` and `num_cached`."""

    ids: list[int]
    sampling: SamplingParams
    num_cached: int = 0
    parked: Any = None  # the cache's copy of what was computed, while it is outside of the batch
    stop_ids: frozenset[int] = frozenset()
    num_new_left: int = 0
    is_only_computed: bool = False  # up to its last id, which gives the next one to each that is forked from here
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.sampling.seed)

    @property
    def num_pending(self) -> int:
        """Ids that are not computed yet; the last one computed gives the next id."""
        return len(self.ids) - self.num_cached

    @property
    def num_due(self) -> int:
        """How many of the pending ids are to be computed now."""
        return self.num_pending - self.is_only_computed


@dataclass(frozen=True, slots=True)
class Prefill:
    sequence: SequenceState
    slot: int
    start: int
    num_tokens: int

    @property
    def is_last(self) -> bool:
        return self.start + self.num_tokens == len(self.sequence.ids)


@dataclass(frozen=True, slots=True)
class Leave:
    """A sequence left `slot`; the one that was in `moved_from` now lies there (None: it was the last)."""

    slot: int
    moved_from: int | None


class Scheduler:
    def __init__(self, *, slots_max: int) -> None:
        self._slots_max = slots_max
        self.waiting: deque[SequenceState] = deque()
        self.running: list[SequenceState] = []

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.running)

    def add(self, sequence: SequenceState) -> None:
        assert sequence not in self.running, "the sequence is running already"
        assert sequence not in self.waiting, "the sequence is waiting already"
        assert sequence.num_due > 0, "nothing to compute"
        self.waiting.append(sequence)

    def admit(self) -> list[tuple[int, SequenceState]]:
        """Moves waiting sequences into free slots: (slot, sequence)."""
        admitted = []
        while self.waiting and len(self.running) < self._slots_max:
            sequence = self.waiting.popleft()
            admitted.append((len(self.running), sequence))
            self.running.append(sequence)
        return admitted

    def prefills(self) -> list[Prefill]:
        """The chunks of this step, oldest slot first."""
        chunks, num_left = [], PREFILL_TOKENS_MAX
        for slot, sequence in enumerate(self.running):
            if sequence.num_pending > 1 and num_left > 0:
                num_tokens = min(sequence.num_due, num_left)
                num_left -= num_tokens
                chunks.append(Prefill(sequence, slot, sequence.num_cached, num_tokens))
        return chunks

    def leave(self, sequence: SequenceState) -> Leave | None:
        """Takes a sequence out; None when it only waited, or is not here at all."""
        if sequence in self.waiting:
            self.waiting.remove(sequence)
            return None
        if sequence not in self.running:
            return None
        slot, last = self.running.index(sequence), len(self.running) - 1
        mover = self.running.pop()
        if slot == last:
            return Leave(slot, None)
        self.running[slot] = mover
        return Leave(slot, last)
