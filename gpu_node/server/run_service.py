"""Starts, queues, cancels and ends runs; every run ends in exactly one terminal frame in its log.

A reader that leaves stops nothing; only `cancel`, a newer epoch or the node's end does. Not here: HTTP
(`runs_api`), what a run does (gpu_node.reasoning). When the disk fails, the run stops, no new one is taken, and
the log gets its `run.failed` as soon as the disk takes it: a run is never ended silently.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import structlog
from structlog.contextvars import bind_contextvars

from gpu_node.inference.backend import ContextExceeded, EngineBusy, EngineFailed
from gpu_node.protocol.frames import RunFailed
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.reasoning.orchestrator import PreparedRun, RunRefused
from gpu_node.server.frame_writer import FrameWriter
from gpu_node.server.metrics import RunMeter, RunMetrics
from gpu_node.server.model_shelf import ModelShelf, ServedModel
from gpu_node.server.run_log import RunLog
from gpu_node.server.run_store import RunStore

RUNS_MAX = 32  # at work at once: twice the engine's batch, because half of them wait for tools
RUNS_QUEUED_MAX = 256  # behind them; then the node says "busy"
DISK_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)
Cause = Literal["cancelled", "superseded", "stopping", "disk"]
Status = Literal["queued", "running", "finished", "failed", "cancelled"]


@dataclass(kw_only=True)
class ActiveRun:
    prepared: PreparedRun
    model: ServedModel  # held until the run has ended: unloading waits for it
    log: RunLog
    meter: RunMeter
    writer: FrameWriter | None = None
    task: asyncio.Task[None] | None = None
    status: Status = "queued"
    cause: Cause | None = None  # why it is being stopped from outside

    def stop(self, cause: Cause) -> None:
        if self.cause is None:
            self.cause = cause
            if self.writer is not None:  # else `_drive` has not begun: cancelled now, it would never end the log
                assert self.task is not None
                self.task.cancel()


@dataclass(kw_only=True)
class RunService:
    shelf: ModelShelf
    store: RunStore
    runs_max: int = RUNS_MAX
    runs_queued_max: int = RUNS_QUEUED_MAX
    metrics: RunMetrics = field(default_factory=RunMetrics)
    _active: dict[str, ActiveRun] = field(init=False, default_factory=dict)
    _is_stopping: bool = field(init=False, default=False)
    _is_disk_bad: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.runs_max)
        self._tasks: set[asyncio.Task[None]] = set()  # of older epochs too, until they have ended

    def running(self) -> list[str]:
        return sorted(self._active)

    def start(self, *, run_id: str, epoch: int, spec: RunSpec) -> tuple[Status, bool]:
        """Starts a run, or finds it started: (status, is_new).

        Raises RunRefused (stale_epoch, busy, disk_error, prompt_too_long, …), LogCorrupt, OSError.
        """
        latest = self.store.epoch_latest(run_id)
        if latest is not None and epoch < latest:
            raise RunRefused("stale_epoch", f"run {run_id!r} is at epoch {latest}; {epoch} is over")
        if epoch == latest:
            return self.status(run_id), False
        self._take_or_refuse()
        prepared, model = self.shelf.prepare(spec)
        older = self._active.get(run_id)
        if older is not None:
            older.stop("superseded")
        meter = self.metrics.run_begin(model.loaded.version)
        run = ActiveRun(prepared=prepared, model=model, log=self.store.log_create(run_id, epoch), meter=meter)
        self._active[run_id] = run
        run.task = asyncio.create_task(self._drive(run), name=f"{run_id}.{epoch}")
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)
        return "queued" if self._places.locked() else "running", True

    def _take_or_refuse(self) -> None:
        if self._is_stopping:
            raise RunRefused("stopping", "the node is stopping")
        if len(self._active) >= self.runs_max + self.runs_queued_max:
            raise RunRefused("busy", f"the node has {len(self._active)} runs already")
        if self._is_disk_bad:
            self.store.probe()
            self._is_disk_bad = False

    def status(self, run_id: str) -> Status:
        active = self._active.get(run_id)
        if active is not None:
            return active.status
        log = self.store.log_find(run_id)
        assert log is not None
        assert log.terminal is not None
        event = log.terminal.event
        if isinstance(event, RunFailed):
            return "failed"
        return "cancelled" if getattr(event, "finish_reason", None) == "cancelled" else "finished"

    def cancel(self, run_id: str, epoch: int | None = None) -> bool:
        """Stops a run at work; False when there is none (it may have ended: then nothing is to be done). With an
        `epoch` a newer one goes on: a late stop of what moved away must not hit what came back."""
        active = self._active.get(run_id)
        if active is not None and (epoch is None or active.log.epoch <= epoch):
            active.stop("cancelled")
        return active is not None

    async def stop(self) -> None:
        """Ends all runs, each with its terminal frame."""
        self._is_stopping = True
        for run in self._active.values():
            run.stop("stopping")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * DISK_RETRY_SECONDS)

    async def _drive(self, run: ActiveRun) -> None:
        bind_contextvars(run_id=run.log.run_id, epoch=run.log.epoch)
        run.writer = FrameWriter(run.log, on_written=self.store.log_written, on_error=lambda _error: run.stop("disk"))
        try:
            try:
                if run.cause is None:
                    async with self._places:
                        run.status = "running"
                        await self._follow(run, run.writer)
            except asyncio.CancelledError:
                if run.cause is None:
                    raise
            if run.cause is not None:
                self._end_stopped(run, run.writer)
            self.store.log_finish(run.log)
        except OSError:
            log.exception("run.disk_error")
            await self._end_broken(run, run.writer)
        finally:
            self._told(run)
            run.model.release()
            if self._active.get(run.log.run_id) is run:
                del self._active[run.log.run_id]

    async def _follow(self, run: ActiveRun, writer: FrameWriter) -> None:
        """Writes the run's events; what goes wrong on our side becomes its `run.failed`."""
        failed: RunFailed | None = None
        try:
            async with aclosing(run.prepared.events()) as events:
                async for event, usage in events:
                    writer.add(event, usage)
                    run.meter.see(event)
        except OSError:
            raise
        except EngineBusy as error:
            failed = RunFailed(code="busy", message=str(error))
        except ContextExceeded as error:
            failed = RunFailed(code="context_length_exceeded", message=str(error))
        except EngineFailed as error:
            failed = RunFailed(code="engine_error", message=str(error))
        except Exception as error:
            log.exception("run.failed")
            failed = RunFailed(code="internal_error", message=f"{type(error).__name__} in the node")
        if failed is not None:
            writer.add(failed, run.prepared.usage)
            run.meter.see(failed)

    def _told(self, run: ActiveRun) -> None:
        """One line and one count a run, whatever ended it."""
        usage, end = run.prepared.usage, run.cause or run.meter.end
        run.meter.ended(usage, end=end)
        log.info(
            "run.ended",
            model=run.meter.model,
            end=end,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            wall_ms=round(run.meter.seconds * 1000),
        )

    def _end_stopped(self, run: ActiveRun, writer: FrameWriter) -> None:
        if run.log.is_complete:
            return  # it ended by itself in the same moment
        match run.cause:
            case "stopping":
                writer.add(RunFailed(code="node_restarted", message="the node was stopped"), run.prepared.usage)
            case "superseded":
                failed = RunFailed(code="superseded", message="a newer epoch of this run was started")
                writer.add(failed, run.prepared.usage)
            case "disk":
                raise OSError("a frame could not be written")
            case _:
                for event in run.prepared.cancelled():
                    writer.add(event, run.prepared.usage)

    async def _end_broken(self, run: ActiveRun, writer: FrameWriter) -> None:
        """Keeps the run's place until the disk takes its end; its readers are sent away meanwhile."""
        self._is_disk_bad = True
        writer.discard()
        run.log.break_off()
        failed = RunFailed(code="disk_error", message="the node's disk refused the run's log")
        while not self._is_stopping:  # else the next start ends it
            try:
                if not run.log.is_complete:
                    run.log.append(failed, run.prepared.usage)
                self.store.log_finish(run.log)
            except OSError:
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                run.log.is_broken = False
                return
