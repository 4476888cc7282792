"""The node as one object: its models, tools, store, runs and jobs, with their start and end.

Not here: which engine is loaded (`loading`), HTTP. Invariant: runs end before the tools and the engines do; jobs
outlive it.
"""

import asyncio
import logging
import platform
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from gpu_node.inference.vllm_server import VllmOptions
from gpu_node.protocol.job_spec import JobSpec
from gpu_node.protocol.node import Device, LoadedModel, NodeInfo
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS
from gpu_node.protocol.tools import ToolDescription
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator, RunRefused
from gpu_node.server.job_service import JOBS_MAX, JobService, trained_by
from gpu_node.server.metrics import Gauge
from gpu_node.server.model_shelf import ModelShelf, ServedModel
from gpu_node.server.run_service import RUNS_MAX, RunService
from gpu_node.server.run_store import RunStore
from gpu_node.training.machine import devices_find, memory_available_bytes, room_make
from gpu_node.training.memory_plan import NodeRoom, plan_make

SYNC_SECONDS = 1.0  # what a power cut may lose; a killed process loses nothing
TRIM_SECONDS = 3600.0
TOOLS_CLOSE_SECONDS = 2.0  # a guest that is just starting need not be waited for: it dies with its parent

logger = logging.getLogger(__name__)


class Tools(ToolCaller, Protocol):
    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def descriptions(self) -> list[ToolDescription]: ...


@dataclass(kw_only=True)
class Node:
    name: str
    store: RunStore
    runs: RunService
    jobs: JobService
    tools: Tools
    shelf: ModelShelf
    devices: list[Device]
    boot_id: str = field(default_factory=lambda: f"boot_{secrets.token_hex(8)}")
    has_lasting_jobs: bool = True  # jobs go on when the server is stopped
    is_draining: bool = field(init=False)
    _keeping: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.is_draining = self._drain_mark.exists()
        self.runs.metrics.known_tools = frozenset({*BUILT_IN_TOOLS, *(tool.name for tool in self.tools.descriptions())})
        self.runs.metrics.gauges_add(self._gauges())

    @property
    def is_healthy(self) -> bool:
        return self.shelf.is_healthy

    @property
    def models(self) -> list[LoadedModel]:
        return self.shelf.models

    def info(self) -> NodeInfo:
        return NodeInfo(
            name=self.name,
            boot_id=self.boot_id,
            journal_id=self.store.journal_id,
            versions=dict(_versions()),
            devices=self.devices,
            fence_tier=self.tools.fence_tier,
            models=self.models,
            tools=[tool.name for tool in self.tools.descriptions()],
            running_runs=self.runs.running(),
            runs_max=self.runs.runs_max,
            running_jobs=self.jobs.running(),
            jobs_max=self.jobs.jobs_max,
            is_draining=self.is_draining,
        )

    @property
    def _drain_mark(self) -> Path:
        return self.store.folder / "draining"

    def drain_set(self, is_draining: bool) -> None:
        """A node that was told to drain drains on after a restart."""
        if is_draining:
            self._drain_mark.touch()
        else:
            self._drain_mark.unlink(missing_ok=True)
        self.is_draining = is_draining

    def room(self, spec: JobSpec) -> NodeRoom:
        """What there is for a job now."""
        return room_make(self.devices, self.store.folder, tokens_per_second=self.jobs.speeds.get(trained_by(spec)))

    def refuse_if_unfit(self, spec: JobSpec) -> None:
        """Raises RunRefused: it can never run here, or the disk is full now. Its data is looked at by the job itself.

        What others use of the memory at this moment says nothing against a spec.
        """
        room = replace(self.room(spec), memory_bytes=self.devices[0].memory_bytes)
        failed = [check for check in plan_make(spec, room).checks if not check.is_ok and check.name != "data"]
        if failed:
            code = "disk_full" if all(check.name == "disk" for check in failed) else "does_not_fit"
            raise RunRefused(code, "; ".join(f"{check.name}: {check.message}: {check.cure}" for check in failed))

    def _gauges(self) -> list[Gauge]:
        return [
            ("svend_node_runs", "Runs at work or queued", lambda: len(self.runs.running())),
            ("svend_node_runs_max", "Runs that may be at work at once", lambda: self.runs.runs_max),
            ("svend_node_jobs", "Jobs that have not ended", lambda: len(self.jobs.running())),
            ("svend_node_models", "Models loaded", lambda: len(self.models)),
            ("svend_node_healthy", "1 while every engine works", lambda: float(self.is_healthy)),
            ("svend_node_draining", "1 while no new work is taken", lambda: float(self.is_draining)),
            ("svend_node_memory_available_bytes", "Of the machine", memory_available_bytes),
            (
                "svend_node_disk_free_bytes",
                "Where run logs and jobs lie",
                lambda: shutil.disk_usage(self.store.folder).free,
            ),
        ]

    def refuse_if_draining(self) -> None:
        """Raises RunRefused: what runs goes on, nothing new is taken."""
        if self.is_draining:
            raise RunRefused("draining", f"node {self.name!r} is draining: it takes no new work")

    async def start(self) -> None:
        num_ended = self.store.recover()
        if num_ended:
            logger.warning("%d runs of a former process were ended as node_restarted", num_ended)
        await self.tools.start()
        await self.shelf.start()
        await self.jobs.start()
        self._keeping = asyncio.create_task(self._keep_store(), name="store-keeping")

    async def close(self) -> None:
        await self.runs.stop()
        if not self.has_lasting_jobs:
            self.jobs.kill_all()
        await self.jobs.close()
        if self._keeping is not None:
            self._keeping.cancel()
        try:
            async with asyncio.timeout(TOOLS_CLOSE_SECONDS):
                await self.tools.close()
        except TimeoutError:
            logger.warning("the tools were still starting; they end with this process")
        await self.shelf.close()
        self.store.logs_sync()

    async def _keep_store(self) -> None:
        trimmed_at = float("-inf")
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await asyncio.to_thread(self.store.logs_sync)
                if time.monotonic() - trimmed_at > TRIM_SECONDS:
                    trimmed_at = time.monotonic()
                    self.store.logs_trim()
            except OSError:
                logger.exception("the run logs could not be synced")  # appending notices a bad disk by itself


def _versions() -> Mapping[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("svend", "torch", "tokenizers", "sympy", "z3-solver"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue  # not installed here: /info simply does not name it
    return versions


def node_build(
    *,
    name: str,
    state: Path,
    orchestrator: Orchestrator,
    models: list[LoadedModel],
    tools: Tools,
    runs_max: int = RUNS_MAX,
    jobs_max: int = JOBS_MAX,
) -> Node:
    """A node that serves one model, made elsewhere; its critic, if it has one, is already the orchestrator's."""
    served = [
        ServedModel(loaded=model, orchestrator=orchestrator if model.role == "reasoner" else None) for model in models
    ]
    return node_of_models(name=name, state=state, models=served, tools=tools, runs_max=runs_max, jobs_max=jobs_max)


def node_of_models(
    *,
    name: str,
    state: Path,
    models: list[ServedModel],
    tools: Tools,
    runs_max: int,
    jobs_max: int = JOBS_MAX,
    vllm: VllmOptions | None = None,
) -> Node:
    store = RunStore(state)
    shelf = ModelShelf(folder=state / "models", tools=tools, vllm=vllm or VllmOptions(log_folder=state))
    for model in models:
        shelf.add(model)
    return Node(
        name=name,
        store=store,
        runs=RunService(shelf=shelf, store=store, runs_max=runs_max),
        jobs=JobService(folder=state / "jobs", jobs_max=jobs_max),
        tools=tools,
        shelf=shelf,
        devices=devices_find(),
    )
