"""The node as one object: its models, tools, store and runs, with their start and end.

Not here: which engine is loaded (`loading`), HTTP. Invariant: runs end before the tools and the engine do.
"""

import asyncio
import logging
import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from gpu_node.protocol.node import Device, LoadedModel, NodeInfo
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator
from gpu_node.server.run_service import RUNS_MAX, RunService
from gpu_node.server.run_store import RunStore

SYNC_SECONDS = 1.0  # what a power cut may lose; a killed process loses nothing
TRIM_SECONDS = 3600.0
TOOLS_CLOSE_SECONDS = 2.0  # a guest that is just starting need not be waited for: it dies with its parent

logger = logging.getLogger(__name__)


class Tools(ToolCaller, Protocol):
    async def start(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(kw_only=True)
class Node:
    name: str
    store: RunStore
    runs: RunService
    tools: Tools
    models: list[LoadedModel]
    devices: list[Device]
    engine_close: Callable[[], None] = lambda: None
    engine_is_healthy: Callable[[], bool] = lambda: True
    boot_id: str = field(default_factory=lambda: f"boot_{secrets.token_hex(8)}")
    _keeping: asyncio.Task[None] | None = field(init=False, default=None)

    @property
    def is_healthy(self) -> bool:
        return self.engine_is_healthy()

    def info(self) -> NodeInfo:
        return NodeInfo(
            name=self.name,
            boot_id=self.boot_id,
            journal_id=self.store.journal_id,
            versions=dict(_versions()),
            devices=self.devices,
            fence_tier=self.tools.fence_tier,
            models=self.models,
            running_runs=self.runs.running(),
            runs_max=self.runs.runs_max,
        )

    async def start(self) -> None:
        num_ended = self.store.recover()
        if num_ended:
            logger.warning("%d runs of a former process were ended as node_restarted", num_ended)
        await self.tools.start()
        self._keeping = asyncio.create_task(self._keep_store(), name="store-keeping")

    async def close(self) -> None:
        await self.runs.stop()
        if self._keeping is not None:
            self._keeping.cancel()
        try:
            async with asyncio.timeout(TOOLS_CLOSE_SECONDS):
                await self.tools.close()
        except TimeoutError:
            logger.warning("the tools were still starting; they end with this process")
        self.engine_close()
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


def cpu_device() -> Device:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    name = f"{platform.machine()}, {os.cpu_count()} cores"
    return Device(kind="cpu", name=name, memory_bytes=memory_bytes)


def node_build(
    *,
    name: str,
    state: Path,
    orchestrator: Orchestrator,
    models: list[LoadedModel],
    tools: Tools,
    runs_max: int = RUNS_MAX,
) -> Node:
    store = RunStore(state)
    runs = RunService(orchestrator=orchestrator, store=store, runs_max=runs_max)
    return Node(name=name, store=store, runs=runs, tools=tools, models=models, devices=[cpu_device()])
