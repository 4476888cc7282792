"""Which other settings would fit: the mildest change to a training that its node's memory can hold.

First what changes nothing but time (more turns, activations computed again), then more devices, then what changes the
numbers (AdamW in 8 bits, weights in bf16, early steps). Not here: the memory itself (memory_parts.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from gpu_node.model.config import ModelConfig
from gpu_node.protocol.job_spec import ACCUMULATION_MAX, TrainSpec
from gpu_node.training.memory_parts import peak_bytes

RANKS_MAX = 16  # as TrainSpec.ranks_per_node

# From harmless to what costs most; each stands on its own.
NUMBERS: tuple[dict[str, Any], ...] = (
    {},
    {"optimizer": "adamw8bit"},
    {"optimizer": "adamw8bit", "weight_dtype": "bfloat16"},
    {"optimizer": "adamw8bit", "weight_dtype": "bfloat16", "is_stepping_early": True, "accumulation_steps": 1},
)


def fitting_changes(
    spec: TrainSpec, config: ModelConfig, *, device: str, num_devices: int, memory_bytes: int
) -> dict[str, Any]:
    """The fields to set, with their values; empty where no setting fits."""
    for changes in _changes(spec, num_ranks_max=min(num_devices, RANKS_MAX) if device != "cpu" else 1):
        try:
            changed = TrainSpec.model_validate(spec.model_dump() | changes)
        except ValidationError:
            continue  # settings that exclude each other
        if peak_bytes(changed, config, device) <= memory_bytes:
            return {name: value for name, value in changes.items() if getattr(spec, name) != value}
    return {}


def _changes(spec: TrainSpec, *, num_ranks_max: int) -> Iterator[dict[str, Any]]:
    for numbers in NUMBERS:
        ranks = spec.ranks_per_node
        while ranks <= max(num_ranks_max, spec.ranks_per_node):
            for is_recomputing in sorted({spec.is_recomputing, True}):
                for turns in _turns(spec):
                    settings = {"accumulation_steps": turns, "is_recomputing": is_recomputing, "ranks_per_node": ranks}
                    yield settings | numbers
            ranks *= 2
        # One turn of one row is the least that a step can read.
        if numbers.get("is_stepping_early"):
            yield {"is_recomputing": True, "batch_tokens": spec.data.row_tokens_max} | numbers


def _turns(spec: TrainSpec) -> Iterator[int]:
    turns = spec.accumulation_steps
    while turns <= min(ACCUMULATION_MAX, spec.batch_tokens // spec.data.row_tokens_max):
        yield turns
        turns *= 2
