"""The models that this node serves, by version: loading a second one beside the first, routing runs, letting one go.

A version that is unloaded or replaced takes no new run; its old runs end on it, then its engine closes. What was
loaded over the wire lies under STATE/models and is there again after a restart. Not here: HTTP (models_api.py), torch
(loading_torch.py). Invariant: a version's weights never change: another manifest under the name of one that came over
the wire is refused; one that the server was started with gives way to what the wire says the name means.
"""

import asyncio
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from gpu_node.inference.vllm_server import VllmOptions
from gpu_node.protocol.frames import Wire
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.protocol.node import LoadedModel
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator, PreparedRun, RunRefused
from gpu_node.reasoning.verifier import Verifier
from gpu_node.server.transfer import TransferFailed, WrongHash, fetch, session_open
from gpu_node.training.attempt_folder import file_replace

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
LOAD_WAIT_SECONDS = 5.0  # of one PUT: a small model is ready in its answer
READY_SECONDS = 0.2  # between two looks at an engine that starts
MODELS_MAX = 8  # loaded at once; a rollout needs two
# A training's state beside the weights: not fetched for serving.
NOT_SERVED = ("optimiser", "trainer_state.json", "objective.safetensors", "adapter/")

logger = logging.getLogger(__name__)
LoadState = Literal["loaded", "loading"]
EngineName = Literal["torch", "vllm"]


@dataclass(kw_only=True)
class ServedModel:
    """One version with its engine. `verifier` is set for a critic; a critic answers no run."""

    loaded: LoadedModel
    orchestrator: Orchestrator | None = None
    verifier: Verifier | None = None
    close: Callable[[], None] = lambda: None
    is_healthy: Callable[[], bool] = lambda: True
    is_ready: Callable[[], bool] = lambda: True  # False while its engine starts; raises ValueError: it cannot
    tokenizer_sha256: str = ""  # a critic reads a reasoner's ids only with the same tokenizer
    num_runs: int = 0
    is_retired: bool = False

    @property
    def told(self) -> LoadedModel:
        has_critic = self.orchestrator is not None and self.orchestrator.verifier is not None
        return self.loaded.model_copy(update={"has_critic": has_critic})

    def release(self) -> None:
        """A run has ended on it."""
        self.num_runs -= 1
        self._close_if_unused()

    def retire(self) -> None:
        self.is_retired = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        # A critic is not counted: runs that still ask it keep it alive, and it goes with the last of them.
        if self.is_retired and self.num_runs == 0 and self.verifier is None:
            self.close()


class _Kept(Wire):
    """What STATE/models/loaded.json holds: versions by their manifests' hashes, and those that vLLM serves."""

    versions: dict[str, str] = {}
    by_vllm: list[str] = []


def engine_name(text: str) -> EngineName:
    """Raises RunRefused: a node has no such engine."""
    for known in get_args(EngineName):
        if text == known:
            return known
    raise RunRefused("bad_request", f"unknown backend {text!r}: a node serves by {' or '.join(get_args(EngineName))}")


@dataclass(kw_only=True)
class ModelShelf:
    folder: Path
    tools: ToolCaller
    vllm: VllmOptions
    _served: dict[str, ServedModel] = field(init=False, default_factory=dict)
    _loading: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _failed: dict[str, RunRefused] = field(init=False, default_factory=dict)
    _wanted: dict[str, str] = field(init=False, default_factory=dict)  # version -> manifest of what is loading

    def add(self, model: ServedModel) -> None:
        """Serves it from now on. A critic judges every reasoner that has its tokenizer."""
        older = self._served.get(model.loaded.version)
        self._served[model.loaded.version] = model
        self._critics_link()
        if older is not None:
            older.retire()

    def _critics_link(self) -> None:
        critics = [model for model in self._served.values() if model.verifier is not None]
        for model in self._served.values():
            if model.orchestrator is None or not model.tokenizer_sha256:
                continue  # a scripted model brings its own critic
            reading = [critic for critic in critics if critic.tokenizer_sha256 == model.tokenizer_sha256]
            verifier = reading[-1].verifier if reading else None
            model.orchestrator = replace(model.orchestrator, verifier=verifier)

    @property
    def models(self) -> list[LoadedModel]:
        return [model.told for model in self._served.values()]

    @property
    def is_healthy(self) -> bool:
        return all(model.is_healthy() for model in self._served.values())

    def prepare(self, spec: RunSpec) -> tuple[PreparedRun, ServedModel]:
        """The run on the version that it names; `release` the model when it has ended. Raises RunRefused."""
        model = self._served.get(spec.model)
        if model is None or model.orchestrator is None:
            there = ", ".join(repr(m.version) for m in self.models if m.role == "reasoner") or "no model"
            raise RunRefused("model_not_loaded", f"this node serves {there}, not {spec.model!r}")
        prepared = model.orchestrator.prepare(spec)
        model.num_runs += 1
        return prepared, model

    async def put(self, version: str, signed: SignedManifest, engine: EngineName | None = None) -> LoadState:
        """Loads a version in the background; asked again, tells how far it is. Raises RunRefused: it failed.

        Without an engine what serves it stays, and torch is for what is new. With another one than serves it, it
        changes over: old runs end where they are.
        """
        wanted = signed.manifest.sha256
        if (served := self._served.get(version)) is not None and served.loaded.manifest_sha256 == wanted:
            if engine in (None, served.loaded.backend):
                return "loaded"
        known = self._wanted.get(version, wanted)
        if known == wanted and served is not None and (self.folder / served.loaded.manifest_sha256).is_dir():
            known = served.loaded.manifest_sha256
        if known != wanted:
            raise RunRefused("model_conflict", f"{version!r} is loaded with the manifest {known}, not {wanted}")
        if (failed := self._failed.pop(version, None)) is not None:
            raise failed
        if version not in self._loading:
            if len(self._served) + len(self._loading) >= MODELS_MAX:
                raise RunRefused("busy", f"this node has {len(self._served)} models loaded: unload one first")
            self._load_start(version, wanted, signed, engine or "torch")
        await asyncio.wait([self._loading[version]], timeout=LOAD_WAIT_SECONDS)
        if (failed := self._failed.pop(version, None)) is not None:
            raise failed
        return "loading" if version in self._loading else "loaded"

    def delete(self, version: str) -> None:
        """Raises RunRefused (model_not_loaded)."""
        loading = self._loading.pop(version, None)
        model = self._served.pop(version, None)
        if loading is not None:
            loading.cancel()
        if model is not None:
            model.retire()
            self._critics_link()
        if loading is None and model is None:
            raise RunRefused("model_not_loaded", f"this node has no model {version!r}")
        self._wanted.pop(version, None)
        self._keep()

    async def start(self) -> None:
        """Loads again what was loaded over the wire before."""
        kept = self._kept()
        for version, manifest_sha256 in kept.versions.items():
            if version not in self._served and (self.folder / manifest_sha256).exists():
                engine: EngineName = "vllm" if version in kept.by_vllm else "torch"
                self._load_start(version, manifest_sha256, None, engine)

    async def close(self) -> None:
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for model in self._served.values():
            model.close()

    # Loading

    def _load_start(
        self, version: str, manifest_sha256: str, signed: SignedManifest | None, engine: EngineName
    ) -> None:
        self._wanted[version] = manifest_sha256
        task = asyncio.create_task(self._load(version, manifest_sha256, signed, engine), name=f"load {version}")
        self._loading[version] = task
        task.add_done_callback(lambda done: self._loading.pop(version) if self._loading.get(version) is done else None)

    async def _load(
        self, version: str, manifest_sha256: str, signed: SignedManifest | None, engine: EngineName
    ) -> None:
        folder = self.folder / manifest_sha256
        try:
            if signed is not None and not await asyncio.to_thread(folder.exists):
                async with session_open() as session:
                    await fetch(session, signed, folder, wants=lambda path: not path.startswith(NOT_SERVED))
            load = self._load_vllm if engine == "vllm" else self._load_torch
            model = await _loaded(partial(load, folder, version, manifest_sha256))
        except (TransferFailed, WrongHash, FileNotFoundError, KeyError, ValueError) as error:
            self._fail(version, RunRefused("bad_input", f"{version}: {error}"))
        except OSError as error:
            self._fail(version, RunRefused("disk_error", f"{version}: {error}"))
        except Exception as error:
            logger.exception("model %s cannot be loaded", version)
            self._fail(version, RunRefused("internal_error", f"{version}: {type(error).__name__}: {error}"))
        else:
            self.add(model)
            self._wanted.pop(version, None)
            self._keep()

    def _load_torch(self, folder: Path, version: str, manifest_sha256: str) -> ServedModel:
        from gpu_node.server.loading_torch import served_from_checkpoint  # torch: seconds, and not needed for a script

        return served_from_checkpoint(folder, version=version, manifest_sha256=manifest_sha256, tools=self.tools)

    def _load_vllm(self, folder: Path, version: str, manifest_sha256: str) -> ServedModel:
        from gpu_node.server.loading_vllm import served_by_vllm  # it builds on this module

        return served_by_vllm(
            folder,
            version=version,
            manifest_sha256=manifest_sha256,
            tools=self.tools,
            options=replace(self.vllm, url=""),  # what is attached to at a URL is one model alone
        )

    def _fail(self, version: str, refused: RunRefused) -> None:
        self._wanted.pop(version, None)
        self._failed[version] = refused

    def _kept(self) -> _Kept:
        path = self.folder / "loaded.json"
        return _Kept.model_validate_json(path.read_bytes()) if path.exists() else _Kept()

    def _keep(self) -> None:
        """Remembers what is loaded from STATE/models, and removes folders that no version needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        hashes = {version: model.loaded.manifest_sha256 for version, model in self._served.items()}
        there = {version: name for version, name in hashes.items() if (self.folder / name).is_dir()}
        by_vllm = [version for version in there if self._served[version].loaded.backend == "vllm"]
        kept = _Kept(versions=there, by_vllm=by_vllm)
        file_replace(self.folder / "loaded.json", kept.model_dump_json().encode())
        needed = {*there.values(), *self._wanted.values()}
        for path in self.folder.iterdir():
            if path.is_dir() and path.name.removeprefix(".").removesuffix(".partial") not in needed:
                shutil.rmtree(path, ignore_errors=True)


async def _loaded(load: Callable[[], ServedModel]) -> ServedModel:
    """Returns when it can answer. Raises ValueError: its engine cannot start. Cancelled, what was started is ended."""
    loading = asyncio.create_task(asyncio.to_thread(load))
    try:
        model = await asyncio.shield(loading)
        while True:
            if model.is_ready():
                return model
            await asyncio.sleep(READY_SECONDS)
    except BaseException:
        loading.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(loading: asyncio.Task[ServedModel]) -> None:
    if not loading.cancelled() and loading.exception() is None:
        loading.result().close()
