"""What the reasoning layer needs of an inference engine, without torch.

An engine opens sequences of token ids, continues them and takes forced ids (a tool's result) in between.
A sequence that nobody generates from holds no place in the running batch, but keeps what was computed; others may
be forked from it, which is how the branches of a search share what they have in common.
Not here: text (the engine sees ids only), budgets, tools. Invariant: every id that `generate` yields was
sampled by the model, once, and is handed over once: the counters that are billed are counted on them.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

TEMPERATURE_MIN = 1e-3  # below, dividing by it overflows; it is greedy anyway


class EngineBusy(RuntimeError):
    """The engine has as many open sequences as it may: the caller answers "busy", it does not wait here."""


class ContextExceeded(ValueError):
    """A sequence would grow past the engine's context."""


class EngineFailed(RuntimeError):
    """A step of the engine failed (out of memory, non-finite logits): the sequence is lost."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next id is drawn. Temperature 0 is greedy; a seed makes a sequence repeat whatever runs beside it."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    forbidden_ids: frozenset[int] = frozenset()


class Sequence(Protocol):
    """One growing list of ids with its computed state. Used by one task at a time."""

    def generate(self, *, stop_ids: frozenset[int], max_new_tokens: int) -> AsyncGenerator[list[int], None]:
        """Yields new ids in chunks as steps complete; a stop id is the last id yielded.

        Ends after `max_new_tokens` ids without a stop id. Leaving the iterator early stops the generation.
        """
        ...

    def extend(self, ids: list[int]) -> None:
        """Appends forced ids; they are computed with the next `generate`. Raises ContextExceeded."""
        ...

    async def fork(self, sampling: SamplingParams) -> "Sequence":
        """A new sequence that goes on from the same ids with draws of its own; this one stays as it is.

        What is computed of the ids is shared, and what is not yet (a fresh prompt, forced ids) is computed once, here,
        so that no fork pays for it. Not while `generate` runs. An engine that finds prefixes by itself (vLLM's prefix
        caching) may open a new sequence with the same ids instead. Raises EngineBusy and EngineFailed.
        """
        ...

    def close(self) -> None:
        """Frees everything, within one engine step; may be called twice."""
        ...


class InferenceBackend(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def context_tokens(self) -> int: ...

    def open(self, prompt_ids: list[int], sampling: SamplingParams) -> Sequence:
        """Raises ContextExceeded and EngineBusy."""
        ...
