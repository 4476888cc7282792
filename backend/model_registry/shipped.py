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
DTYPE_NAMES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16", "I8": "int8"}


@dataclass(frozen=True, kw_only=True)
class Described:
    role: str
    context_tokens: int
    vocab_size: int


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
    )


def tensors_describe(head: bytes) -> Tensors:
    """From a safetensors file's first bytes. Raises ValueError when its header does not lie within them."""
    (length,) = struct.unpack("<Q", head[:8])
    if length > min(SAFETENSORS_HEADER_BYTES_MAX, len(head) - 8):
        raise ValueError(f"a safetensors header claims {length} bytes")
    header = json.loads(head[8 : 8 + length])
    sizes: Counter[str] = Counter()
    for name, entry in header.items():
        if name != "__metadata__":
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


def _tensors_read(path: Path) -> Tensors:
    with path.open("rb") as file:
        head = file.read(8)
        (length,) = struct.unpack("<Q", head)
        return tensors_describe(head + file.read(min(length, SAFETENSORS_HEADER_BYTES_MAX)))


def shipped_model_read(folder: Path) -> ShippedModel:
    described = config_describe(json.loads((folder / "config.json").read_text()))
    card, card_sha256 = card_read(folder)
    tensors = [_tensors_read(path) for path in sorted(folder.glob("*.safetensors"))]
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
