"""Tiny random models as somebody else would hand them over: a Hugging Face folder by transformers, a GGUF by `gguf`."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from gpu_node.data.chat_format import CHATML, TAGS
from gpu_node.inference.scripted import byte_tokenizer

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def foreign_tokenizer() -> Tokenizer:
    """ChatML's turns, none of our tags."""
    text = byte_tokenizer(CHATML).to_str()
    for tag in TAGS:
        text = text.replace(tag, f"<other_{TAGS.index(tag)}>")
    return Tokenizer.from_str(text)


def foreign_model(**changed: Any) -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = {
        "vocab_size": foreign_tokenizer().get_vocab_size(),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "initializer_range": 0.3,
    }
    return LlamaForCausalLM(LlamaConfig(**{**config, **changed})).eval()


def folder_write(folder: Path, model: LlamaForCausalLM, **save: Any) -> Path:
    model.save_pretrained(folder, **save)
    foreign_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    return folder


def gguf_write(path: Path, model: LlamaForCausalLM, kind: Any = gguf.GGMLQuantizationType.F32, **changed: Any) -> Path:
    """As llama.cpp's converter writes it: q and k by pairs, RoPE factors as a tensor."""
    config = model.config
    path.parent.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(path, changed.pop("architecture", "llama"))
    writer.add_name("Tiny")
    writer.add_license("mit")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    tokenizer = foreign_tokenizer()
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    writer.add_tokenizer_model(changed.pop("tokenizer_model", "gpt2"))
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    special = tokenizer.get_added_tokens_decoder()
    writer.add_token_types([3 if i in special else 1 for i in range(len(tokens))])
    writer.add_token_merges([])
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        numbers = tensor.numpy()
        if ".q_proj" in name or ".k_proj" in name:
            heads = config.num_attention_heads if ".q_proj" in name else config.num_key_value_heads
            numbers = numbers.reshape(heads, 2, -1, numbers.shape[1]).swapaxes(1, 2).reshape(numbers.shape)
        numbers = np.ascontiguousarray(numbers, np.float32)
        as_is = numbers.ndim == 1 or kind == gguf.GGMLQuantizationType.F32
        if as_is:
            writer.add_tensor(_gguf_name(name), numbers)
        else:
            writer.add_tensor(_gguf_name(name), gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    for name, numbers in changed.items():
        writer.add_tensor(name.replace("__", "."), numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_name(name: str) -> str:
    blocks = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "model.layers": "blk",
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
    }
    for theirs, theirs_in_gguf in blocks.items():
        name = name.replace(theirs, theirs_in_gguf)
    return name
