"""Builds a node from what `serve` was told: a checkpoint folder with its critic, or a script.

Torch is imported only when weights are loaded, so that a scripted node starts at once.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from gpu_node.data.chat_format import special_ids
from gpu_node.inference.backend import InferenceBackend
from gpu_node.inference.scripted import ScriptedBackend, ScriptedCritic, byte_tokenizer, script_load
from gpu_node.protocol.node import LoadedModel
from gpu_node.reasoning.attempt import Reasoner, ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.reasoning.verifier import Thresholds, Verifier
from gpu_node.server.node import Node, node_build
from gpu_node.server.run_service import RUNS_MAX
from gpu_node.tools.executor import ToolExecutor
from gpu_node.training.folder_manifest import manifest_of

SCRIPTED_THRESHOLDS = Thresholds(accept_above=0.7, reject_below=0.3)


@dataclass(frozen=True)
class _ScriptedVerifier:
    critic: ScriptedCritic
    thresholds: Thresholds

    @property
    def context_tokens(self) -> int:
        return self.critic.context_tokens

    async def score(self, ids: list[list[int]]) -> list[float]:
        return await self.critic.score(ids)


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
    verifier = None if critic is None else _ScriptedVerifier(critic, SCRIPTED_THRESHOLDS)
    orchestrator = orchestrator_build(backend, tokenizer, tools=tools, model=model, verifier=verifier)
    return node_build(
        name=name, state=state, orchestrator=orchestrator, models=[loaded], tools=tools, runs_max=runs_max
    )


def orchestrator_build(
    backend: InferenceBackend,
    tokenizer: Tokenizer,
    *,
    tools: ToolCaller,
    model: str,
    verifier: Verifier | None = None,
) -> Orchestrator:
    """The loop over any engine; a critic that was loaded is linked to it on the shelf."""
    reasoner = Reasoner(backend=backend, tokenizer=tokenizer, special=special_ids(tokenizer), tools=tools)
    return Orchestrator(reasoner=reasoner, model=model, token_bytes=TokenBytes(tokenizer), verifier=verifier)


def manifest_sha256(folder: Path) -> str:
    """One hash for a folder's content: its manifest's, as the registry names it."""
    return manifest_of(folder).sha256
