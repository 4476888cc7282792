"""The text files beside a nano checkpoint's weights: tokenizer and chat template, for whoever loads the folder.

Not here: weights and config.json (gpu_node/model/checkpoint.py), the model card.
"""

import json

from tokenizers import Tokenizer

from gpu_node.data.chat_format import CHAT_TEMPLATE, SPECIAL_TOKENS, special_ids


def tokenizer_files(tokenizer: Tokenizer, *, context_tokens: int) -> dict[str, str]:
    """File names to texts: tokenizer.json and the tokenizer_config.json that transformers and vLLM read."""
    ids = special_ids(tokenizer)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL_TOKENS[ids.bos],
        "eos_token": SPECIAL_TOKENS[ids.end],
        "pad_token": SPECIAL_TOKENS[ids.pad],
        "additional_special_tokens": list(SPECIAL_TOKENS),
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": context_tokens,
        "clean_up_tokenization_spaces": False,
    }
    return {
        "tokenizer.json": tokenizer.to_str(pretty=False),
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }
