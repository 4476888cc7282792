"""Builds a node from what `serve` was told: a checkpoint folder with its critic, or a script.

Torch is imported only when weights are loaded, so that a scripted node starts at once.
"""

import hashlib
from pathlib import Path

from gpu_node.inference.scripted import ScriptedBackend, ScriptedCritic, byte_tokenizer, script_load
from gpu_node.protocol.node import LoadedModel
from gpu_node.reasoning.orchestrator import orchestrator_build
from gpu_node.reasoning.verifier import Thresholds, Verifier
from gpu_node.server.node import Node, node_build
from gpu_node.server.run_service import RUNS_MAX
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training.folder_manifest import manifest_of

SCRIPTED_THRESHOLDS = Thresholds(accept_above=0.7, reject_below=0.3)


def node_scripted(
    *,
    script: Path,
    state: Path,
    name: str,
    model: str,
    runs_max: int = RUNS_MAX,
    tools: ToolExecutor | None = None,
) -> Node:
    """A node without weights that plays `script` and really calls the tools."""
    tokenizer = byte_tokenizer()
    played = script_load(script)
    backend = ScriptedBackend(tokenizer, played)
    critic = None if played.scores is None else ScriptedCritic(tokenizer=tokenizer, endings=played.scores)
    loaded = LoadedModel(
        version=model,
        role="reasoner",
        backend=backend.name,
        num_parameters=0,
        context_tokens=backend.context_tokens,
        vocab_size=tokenizer.get_vocab_size(),
        manifest_sha256=hashlib.sha256(script.read_bytes()).hexdigest(),
    )
    tools = tools or ToolExecutor()
    verifier = None if critic is None else Verifier(critic, SCRIPTED_THRESHOLDS)
    orchestrator = orchestrator_build(backend, tokenizer, tools=tools, model=model, verifier=verifier)
    return node_build(
        name=name, state=state, orchestrator=orchestrator, models=[loaded], tools=tools, runs_max=runs_max
    )


def manifest_sha256(folder: Path) -> str:
    """One hash for a folder's content: its manifest's, as the registry names it."""
    return manifest_of(folder).sha256
