"""A GGUF file of the Llama architecture: its numbers dequantised, its names and its q/k rows as Hugging Face has them.

GGUF is llama.cpp's format (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); the library `gguf` reads and
dequantises it. llama.cpp rotates pairs, so its converter interleaves the rows of q and k: `_halves` undoes that.
Not here: the tokenizer (gpu_node/data/foreign_tokenizer.py builds it from `fields`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor

from gpu_node.model.checkpoint import state_checked
from gpu_node.model.config import ModelConfig, RopeScaling
from gpu_node.model.foreign import ForeignModel
from gpu_node.model.layers import rope_frequencies
from gpu_node.model.transformer import Transformer

DTYPE = torch.bfloat16  # what quantised numbers become: wider than they are, half the bytes of float32
FREQUENCY_FACTORS = "rope_freqs.weight"
FACTOR_TOLERANCE = 1e-3

_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def gguf_read(path: Path, *, dtype: torch.dtype = DTYPE) -> tuple[ForeignModel, dict[str, Any]]:
    """(model, all the file's fields). Raises FileNotFoundError and ValueError, with the cure."""
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        # An enumeration's own words for a number that it does not know: a newer kind of quantisation.
        raise ValueError(
            f"{path.name} is no GGUF that can be read here ({error}); take one in F16, Q8_0 or Q4_K_M"
        ) from error
    fields = {name: field.contents() for name, field in reader.fields.items()}
    stored = {tensor.name: tensor for tensor in reader.tensors}
    config = _config(path, fields, stored)
    tensors: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        if name == FREQUENCY_FACTORS:
            continue
        ours = _name(name)
        tensors[ours] = _halves(_dequantized(path, tensor), ours, config).to(dtype)
    with torch.device("meta"):
        model = Transformer(config)
    title = str(fields.get("general.name") or path.stem)
    return (
        ForeignModel(
            config=config,
            tensors=state_checked(tensors, model, place=path.name),
            dtype=dtype,
            title=title,
            licence=str(fields.get("general.license") or ""),
        ),
        fields,
    )


def _config(path: Path, fields: dict[str, Any], stored: dict[str, gguf.ReaderTensor]) -> ModelConfig:
    architecture = fields.get("general.architecture")
    if architecture != "llama":
        raise ValueError(
            f"{path.name} is of the architecture {architecture!r}; take a GGUF of the architecture 'llama'"
        )
    if fields.get("llama.expert_count"):
        raise ValueError(f"{path.name} is a mixture of experts, which is not computed here; take a dense model")

    def field(name: str) -> Any:
        if (value := fields.get(f"llama.{name}")) is None:
            raise ValueError(f"{path.name} lacks the field 'llama.{name}'; fetch the file again")
        return value

    if "token_embd.weight" not in stored:
        raise ValueError(f"{path.name} has no tensor 'token_embd.weight'; fetch the file again")
    config = ModelConfig(
        vocab_size=int(stored["token_embd.weight"].shape[1]),
        width=field("embedding_length"),
        num_layers=field("block_count"),
        num_heads=field("attention.head_count"),
        num_kv_heads=fields.get("llama.attention.head_count_kv") or field("attention.head_count"),
        mlp_width=field("feed_forward_length"),
        context_tokens=field("context_length"),
        head_width=fields.get("llama.attention.key_length"),
        rope_theta=_short(fields.get("llama.rope.freq_base") or 10_000.0),
        norm_eps=_short(field("attention.layer_norm_rms_epsilon")),
        is_tied="output.weight" not in stored,
    )
    if (turned := fields.get("llama.rope.dimension_count", config.head_dim)) != config.head_dim:
        raise ValueError(f"{path.name} rotates {turned} of {config.head_dim} places of a head; take another model")
    if (kind := fields.get("llama.rope.scaling.type", "none")) != "none":
        raise ValueError(f"{path.name} scales RoPE by {kind!r}; only the scaling of Llama 3 is computed here")
    return _scaled(path, config, stored.get(FREQUENCY_FACTORS))


def _short(value: float) -> float:
    """The decimal number that a 32-bit float was written for: 1e-05, not 9.999999747378752e-06."""
    return float(f"{value:.7g}")


def _scaled(path: Path, config: ModelConfig, factors: gguf.ReaderTensor | None) -> ModelConfig:
    """Llama 3's scaling, which a GGUF says as one factor for each frequency."""
    if factors is None:
        return config
    given = torch.from_numpy(np.array(factors.data, dtype=np.float32))
    scaling = RopeScaling(factor=float(given.max()))
    plain = rope_frequencies(config.head_dim, config.rope_theta, None)
    ours = plain / rope_frequencies(config.head_dim, config.rope_theta, scaling)
    if given.shape != ours.shape or not torch.allclose(given, ours, rtol=FACTOR_TOLERANCE):
        raise ValueError(f"{path.name} scales RoPE by factors that are not Llama 3's; take another model")
    return ModelConfig(**{**vars(config), "rope_scaling": scaling})


def _name(name: str) -> str:
    """Hugging Face's name; one that is not known stays, and is then told as an extra tensor."""
    match name.split("."):
        case [part, "weight"] if part in _NAMES:
            return f"{_NAMES[part]}.weight"
        case ["blk", layer, part, "weight"] if part in _BLOCK_NAMES:
            return f"model.layers.{layer}.{_BLOCK_NAMES[part]}.weight"
    return name


def _dequantized(path: Path, tensor: gguf.ReaderTensor) -> Tensor:
    try:
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    except NotImplementedError as error:
        kind = tensor.tensor_type.name
        raise ValueError(f"{path.name} has numbers of the kind {kind}; take a GGUF in F16, Q8_0 or Q4_K_M") from error
    return torch.from_numpy(np.array(numbers))  # a copy: the file is mapped read-only


def _halves(tensor: Tensor, name: str, config: ModelConfig) -> Tensor:
    """Rows of q and k from pairs (0, 1), (2, 3), … to halves (0, D/2), (1, D/2 + 1), …"""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return tensor
    num_heads = config.num_heads if name.endswith("q_proj.weight") else config.num_kv_heads
    return tensor.view(num_heads, config.head_dim // 2, 2, -1).transpose(1, 2).reshape(tensor.shape)
