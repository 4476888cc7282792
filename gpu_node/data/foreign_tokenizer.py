"""Tokenizers that somebody else trained: tokenizer.json as it is, or built again from a GGUF's tokens and merges.

Only byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM): there a token is bytes, so text can be cut and joined anywhere.
Not here: the tokens that our chat format adds (chat_format.tokens_add).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from gpu_node.data.tokenizer import TOKENIZER_FILE

CONTROL, USER_DEFINED = 3, 4  # GGUF's token types that are no pieces of text
# The splits that llama.cpp knows by these names (`llm_load_vocab` there), in the words of `tokenizers`.
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_REGEXES = {"llama-bpe": _LLAMA3, "qwen2": _QWEN2}


def folder_tokenizer(folder: Path) -> Tokenizer:
    """Raises FileNotFoundError and ValueError, with the cure."""
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {TOKENIZER_FILE}; save its fast tokenizer with transformers first")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises the bare class
        raise ValueError(f"{path} is no tokenizer ({error}); fetch it again") from error
    return _byte_level(tokenizer, str(folder))


def gguf_tokenizer(fields: Mapping[str, Any], *, place: str) -> Tokenizer:
    """Raises ValueError, with the cure."""
    model, split = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre", "gpt-2")
    if model != "gpt2":
        raise ValueError(f"{place} has a tokenizer of the kind {model!r}; take a model with byte-level BPE ('gpt2')")
    if split not in ("gpt-2", "smollm", *_REGEXES):
        known = ", ".join(("gpt-2", "smollm", *_REGEXES))
        raise ValueError(f"{place} splits text by {split!r}, known are {known}; take the model's Hugging Face folder")
    tokens = fields.get("tokenizer.ggml.tokens") or []
    kinds = fields.get("tokenizer.ggml.token_type") or [1] * len(tokens)
    merges = [tuple(merge.split(" ", 1)) for merge in fields.get("tokenizer.ggml.merges") or []]
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    if not vocab or len(vocab) != len(tokens) or len(kinds) != len(tokens):
        raise ValueError(f"{place} lists {len(tokens)} tokens, {len(vocab)} of them different; fetch the file again")
    try:
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=split == "llama-bpe"))
    except Exception as error:  # the library raises the bare class
        raise ValueError(f"{place} has merges that its tokens do not allow ({error}); fetch the file again") from error
    tokenizer.pre_tokenizer = _pre_tokenizer(split)
    tokenizer.decoder = decoders.ByteLevel()
    if split == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    added = [(token, kind) for token, kind in zip(tokens, kinds, strict=True) if kind in (CONTROL, USER_DEFINED)]
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, kind in added if kind == CONTROL]
    )
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t, kind in added if kind == USER_DEFINED])
    return _byte_level(tokenizer, place)


def _pre_tokenizer(split: str) -> pre_tokenizers.PreTokenizer:
    if split == "gpt-2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if split == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    pieces = pre_tokenizers.Split(Regex(_REGEXES[split]), behavior="isolated")
    return pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _byte_level(tokenizer: Tokenizer, place: str) -> Tokenizer:
    """Printable ASCII, the space and the line's end must be tokens; rare bytes may lack (SmolLM2 has 235 of 256)."""
    alphabet = {*map(chr, range(0x21, 0x7F)), "\u0120", "\u010a"}
    if absent := sorted(letter for letter in alphabet if tokenizer.token_to_id(letter) is None):
        raise ValueError(
            f"{place} has no byte-level BPE tokenizer (it lacks {absent[0]!r} and {len(absent) - 1} more bytes); "
            "take a model whose tokenizer is byte-level: SmolLM2, Llama 3, Qwen's or GPT-2's"
        )
    return tokenizer
