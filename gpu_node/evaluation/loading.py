"""An orchestrator on checkpoint folders, without a server: the same engine, tools, critic and loop as in serving.

Tool results are remembered by their arguments, because the benchmark asks the same calls again and again.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.inference.critic import TorchCritic
from gpu_node.inference.engine import TorchEngine
from gpu_node.inference.placement import placement_here, threads_set
from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.protocol.run_spec import ClientTool
from gpu_node.reasoning.orchestrator import Orchestrator, orchestrator_build
from gpu_node.reasoning.verifier import Verifier, thresholds_load
from gpu_node.tools.executor import ToolExecutor, ToolOutcome

REMEMBERED_MAX = 100_000  # results


@dataclass
class RememberingTools:
    """A ToolExecutor that runs the same call once; such calls are pure, so this changes only the time."""

    executor: ToolExecutor
    remembered: dict[tuple[str, str], ToolOutcome] = field(default_factory=dict)

    @property
    def fence_tier(self) -> str:
        return self.executor.fence_tier

    def described(self, names: Collection[str]) -> list[ClientTool]:
        return self.executor.described(names)

    async def call(
        self, name: str, arguments_json: str, *, timeout_seconds: float, programs: list[str] | None = None
    ) -> ToolOutcome:
        if '"keep_variables"' in arguments_json:  # depends on the branch's earlier programs, and adds to them
            return await self.executor.call(name, arguments_json, timeout_seconds=timeout_seconds, programs=programs)
        key = (name, arguments_json)
        if key not in self.remembered:
            outcome = await self.executor.call(name, arguments_json, timeout_seconds=timeout_seconds)
            if outcome.status == "timeout" or len(self.remembered) >= REMEMBERED_MAX:
                return outcome  # a busy machine may time out what another try finishes
            self.remembered[key] = outcome
        return self.remembered[key]


@dataclass(frozen=True)
class LoadedPolicy:
    orchestrator: Orchestrator
    tools: ToolExecutor
    engine: TorchEngine


def policy_load(folder: Path, verifier_folder: Path | None) -> LoadedPolicy:
    """Raises FileNotFoundError and ValueError for a folder that is no checkpoint of ours."""
    placement = placement_here()
    load = partial(load_checkpoint, dtype=placement.dtype, device=placement.device)
    transformer, _ = load(folder)
    threads_set(transformer.num_parameters)
    tokenizer = tokenizer_load(folder)
    engine = TorchEngine(transformer, vocab_used=tokenizer.get_vocab_size())
    verifier = None
    if verifier_folder is not None:
        verifier = Verifier(TorchCritic(load(verifier_folder)[0]), thresholds_load(verifier_folder))
    tools = ToolExecutor()
    orchestrator = orchestrator_build(
        engine, tokenizer, tools=RememberingTools(tools), model=folder.resolve().name, verifier=verifier
    )
    return LoadedPolicy(orchestrator, tools, engine)
