"""The byte-level BPE tokenizer: training it on text of the families, saving it, loading it.

One token per digit; a mathematical expression splits the same way wherever it stands (after a space, after a quote), so
that copying it from the question into a call is copying token for token. Special tokens come from chat_format.py and
keep the first ids. Training is deterministic: same texts, same order, same file. `tokenizer_files` also writes imported
tokenizers, of either dialect.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from gpu_node.data.chat_format import SPECIAL_TOKENS, chat_template, response_template, special_ids

VOCAB_SIZE = 2048
TOKENIZER_FILE = "tokenizer.json"

# Order matters: the first alternative that matches wins.
_PIECES = "|".join(
    [
        r"\p{N}",  # one token per digit
        r"\{\"|\": \"|\": \[\"|\", \"|\"\]\}|\"\}",  # the JSON around a call's arguments
        r" (?=[b-zB-HJ-Z](?!\p{L}))",  # the space before a one-letter name stays apart: x is x everywhere
        r"[b-zB-HJ-Z](?!\p{L})",
        r" ?[\p{L}_]+",
        r" ?[+\-*/=<>^%]+ ?",
        r"[,;:](?: (?!\p{L}))?",  # ", 5" is one mark; before a word the space belongs to the word
        r" (?=[(\[])",
        r"[()\[\]'\"]",
        r"\n+",
        r" ?[^\s\p{L}\p{N}()\[\]'\"]",
        r"\s",
    ]
)


def tokenizer_train(texts: Iterable[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """A tokenizer of exactly `vocab_size` ids, special tokens first; raises where the texts are too poor for that."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocab_size:
        raise ValueError(f"the texts give {tokenizer.get_vocab_size()} tokens, not {vocab_size}: sample more of them")
    return tokenizer


def tokenizer_load(folder: Path | str) -> Tokenizer:
    return Tokenizer.from_file(str(Path(folder) / TOKENIZER_FILE))


def tokenizer_save(tokenizer: Tokenizer, folder: Path | str) -> None:
    tokenizer.save(str(Path(folder) / TOKENIZER_FILE))


def tokenizer_files(tokenizer: Tokenizer, *, context_tokens: int) -> dict[str, str]:
    """File names to texts: tokenizer.json and the tokenizer_config.json that transformers and vLLM read."""
    ids = special_ids(tokenizer)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokenizer.id_to_token(ids.bos),
        "eos_token": tokenizer.id_to_token(ids.end),
        "pad_token": tokenizer.id_to_token(ids.pad),
        "additional_special_tokens": list(ids.dialect.tokens),
        "chat_template": chat_template(ids.dialect),
        "response_template": response_template(ids.dialect),
        "model_max_length": context_tokens,
        "clean_up_tokenization_spaces": False,
    }
    return {
        TOKENIZER_FILE: tokenizer.to_str(pretty=False),
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }
