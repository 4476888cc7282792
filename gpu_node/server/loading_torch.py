"""Builds a node from checkpoint folders: the torch engine or vLLM, the critic, the real tools.

Imports torch; `loading` does not.
"""

import hashlib
import json
import time
from pathlib import Path

import torch

from gpu_node.data.tokenizer import TOKENIZER_FILE, tokenizer_load
from gpu_node.inference.critic import TorchCritic
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.placement import Placement, placement_here, threads_set
from gpu_node.inference.vllm_server import VllmOptions
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.config import config_from_hf
from gpu_node.protocol.node import LoadedModel
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import orchestrator_build
from gpu_node.reasoning.verifier import Verifier, thresholds_load
from gpu_node.server.loading import manifest_sha256
from gpu_node.server.loading_vllm import served_by_vllm
from gpu_node.server.model_shelf import READY_SECONDS, EngineName, ServedModel
from gpu_node.server.node import Node, node_of_models
from gpu_node.server.run_service import RUNS_MAX
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training.machine import memory_available_bytes
from gpu_node.training.memory_parts import asked_parts
from gpu_node.training.memory_plan import gib


def node_from_checkpoint(
    *,
    folder: Path,
    verifier_folder: Path | None,
    state: Path,
    name: str,
    model: str,
    runs_max: int = RUNS_MAX,
    tools: ToolExecutor | None = None,
    engine: EngineName = "torch",
    vllm: VllmOptions | None = None,
) -> Node:
    """Raises FileNotFoundError and ValueError: a folder that is no checkpoint of ours, an engine that cannot start."""
    tools = tools or ToolExecutor()
    vllm = vllm or VllmOptions(log_folder=state)
    sha256 = manifest_sha256(folder)
    if engine == "vllm":
        models = [served_by_vllm(folder, version=model, manifest_sha256=sha256, tools=tools, options=vllm)]
    else:
        models = [served_from_checkpoint(folder, version=model, manifest_sha256=sha256, tools=tools)]
    if verifier_folder is not None:
        # The critic reads the reasoner's ids, so both must have been trained with the same tokenizer.
        if (folder / TOKENIZER_FILE).read_bytes() != (verifier_folder / TOKENIZER_FILE).read_bytes():
            raise ValueError(
                f"{verifier_folder} and {folder} have different tokenizers: the critic would read nonsense"
            )
        models.append(
            served_from_checkpoint(
                verifier_folder,
                version=verifier_folder.resolve().name,
                manifest_sha256=manifest_sha256(verifier_folder),
                tools=tools,
            )
        )
        if models[-1].verifier is None:
            raise ValueError(f"{verifier_folder} has no score head: it is no critic")
    while not models[0].is_ready():
        time.sleep(READY_SECONDS)
    return node_of_models(name=name, state=state, models=models, tools=tools, runs_max=runs_max, vllm=vllm)


def refuse_if_too_large(folder: Path, placement: Placement) -> None:
    """Raises ValueError: its weights and one context of keys and values exceed the memory that is free."""
    config = config_from_hf(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    parts = asked_parts(config, placement.device)
    needed = sum(parts.values()) - parts["runtime"]  # torch itself runs already
    free = torch.cuda.mem_get_info()[0] if placement.device == "cuda" else memory_available_bytes()
    if needed > free:
        raise ValueError(
            f"{folder.name} needs {gib(needed)} GiB, {gib(free)} GiB are free: free memory, or serve it on another node"
        )


def served_from_checkpoint(folder: Path, *, version: str, manifest_sha256: str, tools: ToolCaller) -> ServedModel:
    """A reasoner, or a critic where the checkpoint has a score head. Raises FileNotFoundError, ValueError."""
    placement = placement_here()
    refuse_if_too_large(folder, placement)
    transformer, config = load_checkpoint(folder, dtype=placement.dtype, device=placement.device)
    threads_set(transformer.num_parameters)
    tokenizer_sha256 = hashlib.sha256((folder / TOKENIZER_FILE).read_bytes()).hexdigest()
    loaded = LoadedModel(
        version=version,
        role="verifier" if config.has_score_head else "reasoner",
        backend=TorchEngine.name,
        num_parameters=transformer.num_parameters,
        context_tokens=config.context_tokens,
        vocab_size=config.vocab_size,
        manifest_sha256=manifest_sha256,
    )
    if config.has_score_head:
        critic = TorchCritic(transformer)
        verifier = Verifier(critic, thresholds_load(folder))
        return ServedModel(loaded=loaded, verifier=verifier, close=critic.close, tokenizer_sha256=tokenizer_sha256)
    tokenizer = tokenizer_load(folder)
    engine = TorchEngine(transformer, vocab_used=tokenizer.get_vocab_size())
    return ServedModel(
        loaded=loaded,
        orchestrator=orchestrator_build(engine, tokenizer, tools=tools, model=version),
        close=engine.close,
        is_healthy=lambda: engine.is_healthy,
        tokenizer_sha256=tokenizer_sha256,
    )
