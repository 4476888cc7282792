"""Named configurations of the large presets, each with the memory that one GPU must have for it.

`python -m gpu_node plan` prints what each needs; a test holds them to their limits and to docs/memory.md, where
what each needed on a GPU stands too. Not here: the arithmetic (gpu_node/training/memory_parts.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpu_node.model.config import PRESETS, ModelConfig
from gpu_node.protocol.job_spec import DataSpec, ModelSize, Objective, TrainSpec
from gpu_node.training.memory_parts import Serving

GB = 10**9


@dataclass(frozen=True, kw_only=True)
class TrainConfiguration:
    spec: TrainSpec
    memory_bytes_max: int

    @property
    def config(self) -> ModelConfig:
        return replace(PRESETS[self.spec.model_size], has_score_head=self.spec.is_verifier)


@dataclass(frozen=True, kw_only=True)
class ServeConfiguration:
    """`weight_bytes_max`: what the weights alone may take; cache and runtime come on top."""

    serving: Serving
    weight_bytes_max: int


def _early(model_size: ModelSize, *, row_tokens: int, gb_max: int) -> TrainConfiguration:
    """bf16 weights, 8-bit AdamW, activations computed again, each parameter updated within the backward pass."""
    spec = TrainSpec(
        objective="pretrain",
        model_size=model_size,
        optimizer="adamw8bit",
        weight_dtype="bfloat16",
        is_stepping_early=True,
        is_recomputing=True,
        adamw_learning_rate=3e-4,
        batch_tokens=row_tokens,
        data=DataSpec(row_tokens_max=row_tokens),
    )
    return TrainConfiguration(spec=spec, memory_bytes_max=gb_max * GB)


def _in_turns(model_size: ModelSize, *, objective: Objective, row_tokens: int, gb_max: int) -> TrainConfiguration:
    """The same with gradients kept: a batch of 16 turns, clipped by the norm of all gradients."""
    early = _early(model_size, row_tokens=row_tokens, gb_max=gb_max)
    turns = {"objective": objective, "is_stepping_early": False, "accumulation_steps": 16}
    spec = early.spec.model_dump() | turns | {"batch_tokens": 16 * row_tokens}
    return replace(early, spec=TrainSpec.model_validate(spec))


TRAINING: dict[str, TrainConfiguration] = {
    "train-13b": _early("13b", row_tokens=8_192, gb_max=70),
    "train-7b": _early("7b", row_tokens=8_192, gb_max=45),
    "train-7b-in-turns": _in_turns("7b", objective="pretrain", row_tokens=2_048, gb_max=45),
    "train-3b-verifier": _in_turns("3b", objective="verifier", row_tokens=2_048, gb_max=20),
    "train-1b": _early("1b", row_tokens=4_096, gb_max=8),
}

SERVING: dict[str, ServeConfiguration] = {
    "serve-13b": ServeConfiguration(
        serving=Serving(config=PRESETS["13b"], cached_tokens=8_192), weight_bytes_max=26 * GB
    ),
    "serve-7b": ServeConfiguration(
        serving=Serving(config=PRESETS["7b"], cached_tokens=8_192), weight_bytes_max=14 * GB
    ),
}
