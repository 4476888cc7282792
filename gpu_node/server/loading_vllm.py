"""Serves a checkpoint folder by vLLM: the same loop, tools and counters as with the torch engine, without torch here.

Not here: the server's process and its requests (gpu_node/inference). A critic has no place here: its head gives one
number for many rows at once, which the torch engine does beside any backend.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load
from gpu_node.inference.vllm_backend import VllmBackend
from gpu_node.inference.vllm_server import AttachedVllm, VllmOptions, VllmProcess
from gpu_node.model.config import ModelConfig, config_from_hf
from gpu_node.protocol.node import LoadedModel
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import orchestrator_build
from gpu_node.server.model_shelf import ServedModel
from gpu_node.training.memory_parts import num_parameters

# Letters, digits, brackets and signs: two tokenizers that read this alike are the same for all that matters here.
TOKENIZER_PROBE = 'Solve 12.5*x^2 - 7 = 0 for x: {"operation": "solve"}, then explain.'


def served_by_vllm(
    folder: Path, *, version: str, manifest_sha256: str, tools: ToolCaller, options: VllmOptions
) -> ServedModel:
    """Not ready yet where it starts a server: ask `is_ready`. Raises FileNotFoundError, ValueError."""
    hf = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = config_from_hf(hf)
    if config.has_score_head:
        raise ValueError(f"{folder} has a score head: a critic is served by torch, name no other backend for it")
    tokenizer = tokenizer_load(folder)
    server: AttachedVllm | VllmProcess
    if options.url:
        server = AttachedVllm(options.url)
        if server.tokenized(TOKENIZER_PROBE) != tokenizer.encode(TOKENIZER_PROBE, add_special_tokens=False).ids:
            server.close()
            raise ValueError(f"{options.url} serves {server.model_name!r} with another tokenizer than {folder} has")
        context_tokens = min(config.context_tokens, server.context_tokens)
    else:
        context_tokens = config.context_tokens
        server = _started(folder, hf, context_tokens=context_tokens, options=options, name=f"vllm-{version}")
    backend = VllmBackend(
        server,
        context_tokens=context_tokens,
        vocab_size=config.vocab_size,
        vocab_used=tokenizer.get_vocab_size(),
    )
    return ServedModel(
        loaded=_loaded(config, version=version, manifest_sha256=manifest_sha256, context_tokens=context_tokens),
        orchestrator=orchestrator_build(backend, tokenizer, tools=tools, model=version),
        close=server.close,
        is_healthy=lambda: server.is_healthy,
        is_ready=server.is_ready,
        tokenizer_sha256=hashlib.sha256((folder / TOKENIZER_FILE).read_bytes()).hexdigest(),
    )


def _started(
    folder: Path, hf: Mapping[str, Any], *, context_tokens: int, options: VllmOptions, name: str
) -> VllmProcess:
    """On a CPU vLLM multiplies packed 4-bit weights in bf16 alone, and has no kernel for packed 8-bit weights: it gets
    those unpacked. Everything else it computes there in fp32, as the torch engine does."""
    cpu_dtype, is_unpacked = "float32", False
    if options.is_cpu and "quantization_config" in hf:
        from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint  # torch: needed for packed weights alone
        from gpu_node.model.quantize import quantization_from_hf

        quantization = quantization_from_hf(hf)
        if quantization is not None and quantization.bits == 8:
            model, _ = load_checkpoint(folder)
            texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("tokenizer*.json")}
            folder = options.log_folder / f"{name}-unpacked"
            save_checkpoint(folder, model, dtype=next(model.parameters()).dtype, tokenizer_files=texts)
            is_unpacked = True
        else:
            cpu_dtype = "bfloat16"
    return VllmProcess(
        folder,
        context_tokens=context_tokens,
        options=options,
        log_name=name,
        cpu_dtype=cpu_dtype,
        is_folder_scratch=is_unpacked,
    )


def _loaded(config: ModelConfig, *, version: str, manifest_sha256: str, context_tokens: int) -> LoadedModel:
    return LoadedModel(
        version=version,
        role="reasoner",
        backend=VllmBackend.name,
        num_parameters=num_parameters(config),
        context_tokens=context_tokens,
        vocab_size=config.vocab_size,
        manifest_sha256=manifest_sha256,
    )
