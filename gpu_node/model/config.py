"""The shape of a model: one frozen dataclass, the presets, and its two-way mapping to a Hugging Face config.json.

Not here: weights (checkpoint.py), layers (layers.py). Invariants: every width is a multiple of 128 (INT4 kernels and
tensor parallelism need it), and config.json is always written from this class, so no converter exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WIDTH_MULTIPLE = 128


@dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """Llama-3 scaling of rotary frequencies: `factor` times more context than was trained."""

    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_context_tokens: int = 8192


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    vocab_size: int
    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    context_tokens: int
    head_width: int | None = None
    rope_theta: float = 500_000.0
    rope_scaling: RopeScaling | None = None
    norm_eps: float = 1e-5
    is_tied: bool = False
    has_score_head: bool = False
    # Order and number are fixed by gpu_node/data/chat_format.py; these are only what config.json must say.
    pad_token_id: int = 0
    bos_token_id: int = 1
    eos_token_ids: tuple[int, ...] = (2, 11)

    def __post_init__(self) -> None:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads={self.num_heads!r} is no multiple of num_kv_heads={self.num_kv_heads!r}")
        if self.head_width is None and self.width % self.num_heads:
            raise ValueError(f"width={self.width!r} is no multiple of num_heads={self.num_heads!r}")
        if self.head_dim % 2:
            raise ValueError(f"head width {self.head_dim!r} is odd: RoPE rotates halves")

    @property
    def head_dim(self) -> int:
        return self.head_width or self.width // self.num_heads

    @property
    def num_body_parameters(self) -> int:
        """Parameters of the layers alone: what a token's forward pass multiplies with, embeddings left out."""
        attention = self.width * self.head_dim * 2 * (self.num_heads + self.num_kv_heads)
        return self.num_layers * (attention + 3 * self.width * self.mlp_width)


LONG_CONTEXT: dict[str, Any] = {"context_tokens": 32_768, "rope_scaling": RopeScaling(factor=4.0)}

PRESETS: dict[str, ModelConfig] = {
    # The CPU quick start. RoPE base 10,000: at 1,024 tokens of context a larger one only wastes dimensions.
    "nano": ModelConfig(
        vocab_size=2048,
        width=256,
        num_layers=4,
        num_heads=4,
        num_kv_heads=2,
        mlp_width=640,
        context_tokens=1024,
        rope_theta=10_000.0,
        is_tied=True,
    ),
    "500m": ModelConfig(
        vocab_size=32_768, width=1536, num_layers=16, num_heads=12, num_kv_heads=4, mlp_width=4096, **LONG_CONTEXT
    ),
    "1b": ModelConfig(
        vocab_size=32_768, width=2048, num_layers=20, num_heads=16, num_kv_heads=4, mlp_width=5632, **LONG_CONTEXT
    ),
    "3b": ModelConfig(
        vocab_size=32_768, width=2560, num_layers=32, num_heads=20, num_kv_heads=4, mlp_width=8960, **LONG_CONTEXT
    ),
    "7b": ModelConfig(
        vocab_size=32_768, width=4096, num_layers=32, num_heads=32, num_kv_heads=8, mlp_width=13_312, **LONG_CONTEXT
    ),
    "13b": ModelConfig(
        vocab_size=32_768, width=5120, num_layers=40, num_heads=40, num_kv_heads=8, mlp_width=16_384, **LONG_CONTEXT
    ),
}


def config_to_hf(config: ModelConfig, *, dtype: str) -> dict[str, Any]:
    """config.json in both dialects: transformers 4 (`rope_scaling`, `torch_dtype`) and 5 (`rope_parameters`)."""
    scaling = _rope_to_hf(config.rope_scaling)
    hf: dict[str, Any] = {
        "architectures": ["LlamaForSequenceClassification" if config.has_score_head else "LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.context_tokens,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": scaling,
        "rope_parameters": {"rope_theta": config.rope_theta, **(scaling or {"rope_type": "default"})},
        "tie_word_embeddings": config.is_tied,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "pad_token_id": config.pad_token_id,
        "bos_token_id": config.bos_token_id,
        "eos_token_id": list(config.eos_token_ids),
        "dtype": dtype,
        "torch_dtype": dtype,
    }
    if config.has_score_head:
        hf |= {"num_labels": 1, "id2label": {"0": "right"}, "label2id": {"right": 0}, "problem_type": "regression"}
    return hf


def config_from_hf(hf: dict[str, Any]) -> ModelConfig:
    """Reads any plain Llama config.json; refuses what our layers do not compute (biases, other activations)."""
    _refuse_foreign(hf)
    theta = {"rope_theta": hf.get("rope_theta") or 10_000.0}
    rope = theta | (hf.get("rope_scaling") or {}) | (hf.get("rope_parameters") or {})
    eos = hf.get("eos_token_id")
    architectures = hf.get("architectures") or ["LlamaForCausalLM"]
    return ModelConfig(
        vocab_size=hf["vocab_size"],
        width=hf["hidden_size"],
        num_layers=hf["num_hidden_layers"],
        num_heads=hf["num_attention_heads"],
        num_kv_heads=hf.get("num_key_value_heads") or hf["num_attention_heads"],
        mlp_width=hf["intermediate_size"],
        context_tokens=hf["max_position_embeddings"],
        head_width=hf.get("head_dim"),
        rope_theta=float(rope["rope_theta"]),
        rope_scaling=_rope_from_hf(rope),
        norm_eps=hf.get("rms_norm_eps", 1e-6),
        is_tied=bool(hf.get("tie_word_embeddings", False)),
        has_score_head="LlamaForSequenceClassification" in architectures,
        pad_token_id=hf.get("pad_token_id") or 0,
        bos_token_id=hf.get("bos_token_id") or 0,
        eos_token_ids=tuple(eos) if isinstance(eos, list) else (() if eos is None else (eos,)),
    )


def _refuse_foreign(hf: dict[str, Any]) -> None:
    cure = "take a model of the Llama layout, such as SmolLM2 or Llama 3"
    if hf.get("model_type") not in ("llama", "mistral"):
        raise ValueError(f"model_type={hf.get('model_type')!r} is not computed here; {cure}")
    if hf.get("attention_bias") or hf.get("mlp_bias") or hf.get("hidden_act", "silu") != "silu":
        raise ValueError(f"biases, or an activation other than silu, are not part of our layers; {cure}")
    if hf.get("model_type") == "mistral" and hf.get("sliding_window"):
        raise ValueError(f"sliding_window={hf['sliding_window']!r}: attention here reads the whole context; {cure}")
    asked = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    if absent := [name for name in (*asked, "max_position_embeddings") if not isinstance(hf.get(name), int)]:
        raise ValueError(f"config.json has no {absent[0]!r}; fetch the folder again")


def _rope_to_hf(scaling: RopeScaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    return {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low_freq_factor,
        "high_freq_factor": scaling.high_freq_factor,
        "original_max_position_embeddings": scaling.original_context_tokens,
    }


def _rope_from_hf(rope: dict[str, Any]) -> RopeScaling | None:
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError("partial_rotary_factor: heads are rotated whole here; take another model")
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return None
    if kind != "llama3":
        raise ValueError(f"rope_type={kind!r}: only default and llama3 are computed here; take another model")
    return RopeScaling(
        factor=rope["factor"],
        low_freq_factor=rope["low_freq_factor"],
        high_freq_factor=rope["high_freq_factor"],
        original_context_tokens=rope["original_max_position_embeddings"],
    )
