"""What the repository ships: reads a checkpoint folder's own files into what the registry wants to know.

Reads JSON and a safetensors header only; never loads weights, never imports torch.
"""

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAFETENSORS_HEADER_BYTES_MAX = 100_000_000  # the format's own limit


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    name: str
    role: str
    context_tokens: int
    vocab_size: int
    num_parameters: int
    card: dict[str, Any]
    card_sha256: str


def card_read(folder: Path) -> tuple[dict[str, Any], str]:
    """The folder's model card and its hash; ({}, "") where it was not measured yet."""
    path = folder / "model_card.json"
    if not path.exists():
        return {}, ""
    raw = path.read_bytes()
    return json.loads(raw), hashlib.sha256(raw).hexdigest()


def _num_parameters(folder: Path) -> int:
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > SAFETENSORS_HEADER_BYTES_MAX:
                raise ValueError(f"{path}: the header claims {length} bytes")
            header = json.loads(file.read(length))
        total += sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return total


def shipped_model_read(folder: Path) -> ShippedModel:
    config = json.loads((folder / "config.json").read_text())
    card, card_sha256 = card_read(folder)
    is_verifier = "LlamaForSequenceClassification" in config.get("architectures", [])
    return ShippedModel(
        name=folder.name,
        role="verifier" if is_verifier else "reasoner",
        context_tokens=config["max_position_embeddings"],
        vocab_size=config["vocab_size"],
        num_parameters=_num_parameters(folder),
        card=card,
        card_sha256=card_sha256,
    )


def shipped_models(weights: Path) -> list[ShippedModel]:
    """Every checkpoint folder under `weights`, by name."""
    return [shipped_model_read(config.parent) for config in sorted(weights.glob("*/config.json"))]
