"""Builds a node from checkpoint folders: the torch engine, the critic, the real tools.

Imports torch; `loading` does not.
"""

from pathlib import Path

from gpu_node.data.chat_format import special_ids
from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.evaluation.loading import LoadedVerifier
from gpu_node.inference.critic import TorchCritic
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.threads import threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.protocol.node import LoadedModel
from gpu_node.reasoning.attempt import Reasoner
from gpu_node.reasoning.orchestrator import Orchestrator
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.reasoning.verifier import thresholds_load
from gpu_node.server.loading import manifest_sha256
from gpu_node.server.node import Node, node_build
from gpu_node.server.run_service import RUNS_MAX
from gpu_node.tools.executor import ToolExecutor


def node_from_checkpoint(
    *, folder: Path, verifier_folder: Path | None, state: Path, name: str, model: str, runs_max: int = RUNS_MAX
) -> Node:
    """Raises FileNotFoundError and ValueError: a folder that is no checkpoint of ours."""
    transformer, config = load_checkpoint(folder)
    threads_set(transformer.num_parameters)
    tokenizer = tokenizer_load(folder)
    engine = TorchEngine(transformer, vocab_used=tokenizer.get_vocab_size())
    loaded = [
        LoadedModel(
            version=model,
            role="reasoner",
            backend=engine.name,
            num_parameters=transformer.num_parameters,
            context_tokens=config.context_tokens,
            vocab_size=config.vocab_size,
            manifest_sha256=manifest_sha256(folder),
        )
    ]
    critic = None
    if verifier_folder is not None:
        critic, loaded_critic = _critic_load(verifier_folder, tokenizer_of=folder)
        loaded.append(loaded_critic)
    tools = ToolExecutor()
    orchestrator = Orchestrator(
        reasoner=Reasoner(backend=engine, tokenizer=tokenizer, special=special_ids(tokenizer), tools=tools),
        model=model,
        token_bytes=TokenBytes(tokenizer),
        verifier=critic,
    )
    node = node_build(name=name, state=state, orchestrator=orchestrator, models=loaded, tools=tools, runs_max=runs_max)

    def engine_close() -> None:
        engine.close()
        if critic is not None:
            critic.critic.close()

    node.engine_close = engine_close
    node.engine_is_healthy = lambda: engine.is_healthy
    return node


def _critic_load(folder: Path, *, tokenizer_of: Path) -> tuple[LoadedVerifier, LoadedModel]:
    """The critic reads the reasoner's ids, so both must have been trained with the same tokenizer."""
    if (folder / "tokenizer.json").read_bytes() != (tokenizer_of / "tokenizer.json").read_bytes():
        raise ValueError(f"{folder} and {tokenizer_of} have different tokenizers: the critic would read nonsense")
    transformer, config = load_checkpoint(folder)
    critic = LoadedVerifier(TorchCritic(transformer), thresholds_load(folder))
    loaded = LoadedModel(
        version=folder.resolve().name,
        role="verifier",
        backend="torch",
        num_parameters=transformer.num_parameters,
        context_tokens=config.context_tokens,
        vocab_size=config.vocab_size,
        manifest_sha256=manifest_sha256(folder),
    )
    return critic, loaded
