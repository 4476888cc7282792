"""What a checkpoint folder says of itself, as far as the registry wants to know; and what the repository ships.

Reads JSON and safetensors headers only; never loads weights, never imports torch.
"""

import hashlib
import json
import math
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAFETENSORS_HEADER_BYTES_MAX = 100_000_000  # the format's own limit
PACKED_WORD_BITS = 32
DTYPE_NAMES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16", "I8": "int8"}


@dataclass(frozen=True, kw_only=True)
class Described:
    role: str
    context_tokens: int
    vocab_size: int
    packed_bits: int | None  # of a quantised matrix's numbers; None: nothing is packed


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """One safetensors file: how many numbers, and the format of most of them."""

    num_parameters: int
    dtype: str


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    name: str
    folder: Path
    role: str
    context_tokens: int
    vocab_size: int
    num_parameters: int
    dtype: str
    card: dict[str, Any]
    card_sha256: str


def config_describe(config: dict[str, Any]) -> Described:
    """Raises KeyError, TypeError, ValueError for a config.json of another kind."""
    is_verifier = "LlamaForSequenceClassification" in config.get("architectures", [])
    return Described(
        role="verifier" if is_verifier else "reasoner",
        context_tokens=int(config["max_position_embeddings"]),
        vocab_size=int(config["vocab_size"]),
        packed_bits=_packed_bits(config),
    )


def _packed_bits(config: dict[str, Any]) -> int | None:
    groups = (config.get("quantization_config") or {}).get("config_groups", {})
    return next((int(group["weights"]["num_bits"]) for group in groups.values()), None)


def tensors_describe(head: bytes, *, packed_bits: int | None) -> Tensors:
    """From a safetensors file's first bytes. Raises ValueError when its header does not lie within them."""
    (length,) = struct.unpack("<Q", head[:8])
    if length > min(SAFETENSORS_HEADER_BYTES_MAX, len(head) - 8):
        raise ValueError(f"a safetensors header claims {length} bytes")
    header = json.loads(head[8 : 8 + length])
    sizes: Counter[str] = Counter()
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if packed_bits is None:
            sizes[str(entry["dtype"])] += math.prod(entry["shape"])
        elif name.endswith(".weight_packed"):
            sizes[f"INT{packed_bits}"] += math.prod(entry["shape"]) * PACKED_WORD_BITS // packed_bits
        elif not name.endswith((".weight_scale", ".weight_shape")):
            sizes[str(entry["dtype"])] += math.prod(entry["shape"])
    dtype = sizes.most_common(1)[0][0] if sizes else ""
    return Tensors(num_parameters=sizes.total(), dtype=DTYPE_NAMES.get(dtype, dtype.lower()))


def card_read(folder: Path) -> tuple[dict[str, Any], str]:
    """The folder's model card and its hash; ({}, "") where it was not measured yet."""
    path = folder / "model_card.json"
    if not path.exists():
        return {}, ""
    raw = path.read_bytes()
    return json.loads(raw), hashlib.sha256(raw).hexdigest()


def _tensors_read(path: Path, packed_bits: int | None) -> Tensors:
    with path.open("rb") as file:
        head = file.read(8)
        (length,) = struct.unpack("<Q", head)
        read = head + file.read(min(length, SAFETENSORS_HEADER_BYTES_MAX))
    return tensors_describe(read, packed_bits=packed_bits)


def shipped_model_read(folder: Path) -> ShippedModel:
    described = config_describe(json.loads((folder / "config.json").read_text()))
    card, card_sha256 = card_read(folder)
    tensors = [_tensors_read(path, described.packed_bits) for path in sorted(folder.glob("*.safetensors"))]
    return ShippedModel(
        name=folder.name,
        folder=folder,
        role=described.role,
        context_tokens=described.context_tokens,
        vocab_size=described.vocab_size,
        num_parameters=sum(one.num_parameters for one in tensors),
        dtype=max(tensors, key=lambda one: one.num_parameters).dtype if tensors else "",
        card=card,
        card_sha256=card_sha256,
    )


def shipped_models(weights: Path) -> list[ShippedModel]:
    """Every checkpoint folder under `weights`, by name."""
    return [shipped_model_read(config.parent) for config in sorted(weights.glob("*/config.json"))]
