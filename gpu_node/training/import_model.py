"""Brings a model that somebody else trained into our checkpoint folder: weights, tokenizer, chat template, card.

The tokenizer gets our tags of thoughts and calls as new single tokens, and the embedding their rows; nothing else
changes, so the logits of the old tokens are the original's. Not here: where the model comes from (import_sources.py).
Invariant: the target appears as a whole or not at all; the same source gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from gpu_node.data.chat_format import encode_text, special_ids, tokens_add
from gpu_node.data.foreign_tokenizer import folder_tokenizer, gguf_tokenizer
from gpu_node.data.tokenizer import tokenizer_files
from gpu_node.model.checkpoint import save_checkpoint
from gpu_node.model.foreign import ForeignModel, vocabulary_extend, vocabulary_rows
from gpu_node.model.foreign_folder import folder_read
from gpu_node.model.foreign_gguf import DTYPE as GGUF_DTYPE
from gpu_node.model.foreign_gguf import gguf_read
from gpu_node.model.transformer import Transformer
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.training.import_sources import Source

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
CARD_FILE = "model_card.json"
LICENCE_UNKNOWN = "not stated by the source"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of it; `warnings` are sentences for whoever asked."""

    card: dict[str, Any]
    warnings: list[str]


def import_model(
    source: Source, target: Path, *, name: str = "", dtype: torch.dtype | None = None, licence: str = ""
) -> Imported:
    """Writes `target`. Raises FileNotFoundError and ValueError, with the cure."""
    foreign, tokenizer = _read(source.path, dtype)
    num_known = tokenizer.get_vocab_size()
    if num_known > foreign.config.vocab_size:
        raise ValueError(
            f"{source.said} has {num_known} tokens but {foreign.config.vocab_size} rows in its embedding: "
            "tokenizer and weights are not of one model; fetch both again"
        )
    new = tokens_add(tokenizer)
    model, tensors = _extended(foreign, tokenizer, new)
    ids = special_ids(tokenizer)
    TokenBytes(tokenizer)  # raises for a token that is no bytes: the node could not tell its text
    licence = licence or source.licence or foreign.licence
    card = {
        "model": name or source.title or foreign.title,
        "source": {"name": source.said, "sha256": source.sha256, "title": source.title or foreign.title},
        "licence": licence or LICENCE_UNKNOWN,
        "num_parameters": model.num_parameters,
        "dialect": ids.dialect.name,
        "added_tokens": new,
    }
    save_checkpoint(
        target,
        model,
        dtype=dtype or foreign.dtype,
        tokenizer_files=_texts(tokenizer, card, context_tokens=model.config.context_tokens),
        weights=tensors,
    )
    return Imported(card=card, warnings=_warnings(ids.dialect.opener in new, licence))


def _read(path: Path, dtype: torch.dtype | None) -> tuple[ForeignModel, Tokenizer]:
    if path.is_dir():
        return folder_read(path), folder_tokenizer(path)
    foreign, fields = gguf_read(path, dtype=dtype or GGUF_DTYPE)
    return foreign, gguf_tokenizer(fields, place=path.name)


def _extended(
    foreign: ForeignModel, tokenizer: Tokenizer, new: list[str]
) -> tuple[Transformer, Mapping[str, torch.Tensor]]:
    """The model's shape (no weights in it) and its tensors, with rows for the new tokens."""
    ids = special_ids(tokenizer)
    numbers = {id_: token for token in new if (id_ := tokenizer.token_to_id(token)) is not None}
    pieces = {id_: encode_text(tokenizer, token.strip("<|>")) for id_, token in numbers.items()}
    rows = vocabulary_rows(max(foreign.config.vocab_size, tokenizer.get_vocab_size()))
    config = replace(foreign.config, vocab_size=rows, pad_token_id=ids.pad, bos_token_id=ids.bos, eos_token_ids=ids.eos)
    with torch.device("meta"):
        model = Transformer(config)
    return model, vocabulary_extend(foreign.tensors, vocab_size=rows, pieces=pieces)


def _texts(tokenizer: Tokenizer, card: Mapping[str, Any], *, context_tokens: int) -> dict[str, str]:
    return {
        **tokenizer_files(tokenizer, context_tokens=context_tokens),
        CARD_FILE: json.dumps(card, indent=2, ensure_ascii=False) + "\n",
    }


def _warnings(is_without_turns: bool, licence: str) -> list[str]:
    warnings = []
    if is_without_turns:
        warnings.append("its tokenizer knows no ChatML turns; they were added: train it on dialogues before you ask it")
    if not licence:
        warnings.append("the source states no licence; name it with --licence where you know it")
    return warnings
