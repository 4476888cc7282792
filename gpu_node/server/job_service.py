"""Starts, follows, stops and re-adopts the node's jobs; carries their checkpoints to signed URLs.

Each attempt is a folder and a shim that outlives this process. What the folder's log says is copied into the node's one
journal; at a start all folders are read again, so a killed server loses nothing. Not here: HTTP (jobs_api.py), a
job's process (job_shim.py, gpu_node/training). Invariants: of a job only the latest epoch runs; an attempt starts once;
a shim that is gone has ended its attempt.
"""

import asyncio
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from gpu_node.protocol.job_frames import (
    Checkpoint,
    CheckpointDropped,
    CheckpointUploaded,
    JobCancelled,
    JobFailed,
    JobFrame,
    JobPaused,
    JobResumed,
    JobStarted,
    Log,
    Metric,
    RunningJob,
)
from gpu_node.protocol.job_spec import JobOrder, JobSpec, TrainSpec
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.reasoning.orchestrator import RunRefused
from gpu_node.server.job_store import AttemptKey, JobStore, Told
from gpu_node.server.transfer import TransferFailed, WrongHash, send, session_open
from gpu_node.training.attempt_folder import AttemptFolder, file_replace
from gpu_node.training.job_frames import JobLog, has_terminal, line_parse

JOBS_MAX = 1  # a training takes all of a device; more only make each other slow
TICK_SECONDS = 0.1  # from an event on disk to the journal
SYNC_SECONDS = 1.0
READ_BYTES_MAX = 16 * 1024 * 1024  # of one attempt's log at a tick; no line is as long
CHECKPOINTS_KEPT = 2  # uploaded ones on this disk: a resume on this node fetches nothing it may have lost
CHECKPOINTS_WAITING_MAX = 8  # not yet uploaded: a store that is away must not fill this disk
ATTEMPT_KEEP_SECONDS = 86_400.0  # after its end; by then what is to be kept lies in the store
UPLOAD_AGAIN_SECONDS = 10.0  # after the tries at a piece: from a store that was away nobody else asks for so soon
LEAVE_SECONDS_MAX = 30.0  # an ended or killed attempt's processes are gone by then

_NAME = re.compile(r"^(?P<job_id>[A-Za-z0-9_-]{1,64})\.(?P<epoch>[0-9]{1,9})$")

logger = logging.getLogger(__name__)


@dataclass
class Attempt:
    """What this process knows of one attempt; all of it can be read from the disk again."""

    key: AttemptKey
    folder: AttemptFolder
    node_rank: int = 0
    trains: str = ""  # of a training: the parent, or the size of a new model
    step: int = 0
    has_begun: bool = False  # its process told that it works
    is_paused: bool = False
    is_ended: bool = False  # its terminal frame was journaled
    is_gone: bool = False  # its shim too
    checkpoints: dict[str, int] = field(default_factory=dict)  # manifest sha256 -> step
    uploaded: list[int] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None  # the shim, where this process started it: to be reaped

    def of(self, order: JobOrder) -> None:
        self.node_rank = order.rendezvous.node_rank if order.rendezvous else 0
        self.trains = trained_by(order.spec)

    @property
    def state(self) -> str:
        if self.is_ended:
            return "ended"
        if self.folder.control in ("stop", "kill"):
            return "stopping"
        if not self.has_begun:
            return "preparing"
        return "paused" if self.is_paused else "running"


@dataclass(kw_only=True)
class JobService:
    folder: Path
    jobs_max: int = JOBS_MAX
    store: JobStore = field(init=False)
    speeds: dict[str, float] = field(init=False, default_factory=dict)  # last tokens a second, by what was trained
    _attempts: dict[AttemptKey, Attempt] = field(init=False, default_factory=dict)
    _latest: dict[str, int] = field(init=False, default_factory=dict)
    _uploads: dict[tuple[AttemptKey, str], asyncio.Task[None]] = field(init=False, default_factory=dict)
    _starts: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _following: asyncio.Task[None] | None = field(init=False, default=None)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.store = JobStore(self.folder)

    # Life of the service

    async def start(self) -> None:
        self._recover()
        self._following = asyncio.create_task(self._follow(), name="jobs-follow")

    async def close(self) -> None:
        """Jobs go on without this process; uploads are taken up again at the next start."""
        tasks = [*self._uploads.values(), *self._starts, *filter(None, [self._following])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def kill_all(self) -> None:
        """Ends all jobs at once, without a last checkpoint: told as killed, they are for another attempt."""
        for attempt in self._attempts.values():
            if not attempt.is_ended:
                attempt.folder.control_write("kill")

    def running(self) -> list[RunningJob]:
        alive = (attempt for attempt in self._attempts.values() if not attempt.is_ended)
        return [
            RunningJob.model_validate(
                {"job_id": attempt.key[0], "epoch": attempt.key[1], "state": attempt.state, "step": attempt.step}
            )
            for attempt in sorted(alive, key=lambda attempt: attempt.key)
        ]

    # What is asked

    def is_known(self, job_id: str, epoch: int) -> bool:
        """Whether it, or a newer epoch of it, was taken: asked again it changes nothing, or is stale."""
        return epoch <= self._latest.get(job_id, 0)

    def put(self, *, job_id: str, epoch: int, order: JobOrder) -> tuple[str, bool]:
        """Starts an attempt, or finds it started: (state, is_new). Raises RunRefused (stale_epoch, busy), OSError."""
        latest = self._latest.get(job_id, 0)
        if epoch < latest:
            raise RunRefused("stale_epoch", f"job {job_id!r} is at epoch {latest}; {epoch} is over")
        if epoch == latest:
            return self._attempts[job_id, epoch].state, False
        busy = [running.job_id for running in self.running() if running.job_id != job_id]
        if len(busy) >= self.jobs_max:
            raise RunRefused("busy", f"this node runs {len(busy)} jobs already: {', '.join(busy)}")
        attempt = Attempt((job_id, epoch), AttemptFolder(self.folder / f"{job_id}.{epoch}"))
        attempt.of(order)
        attempt.folder.order_write(order)
        self._take(attempt)
        self._start_soon(attempt)
        return attempt.state, True

    def cancel(self, job_id: str, epoch: int) -> str:
        """Asks it to stop with a last checkpoint. Raises RunRefused (unknown_job, stale_epoch)."""
        attempt = self._attempt(job_id, epoch)
        if not attempt.is_ended:
            attempt.folder.control_write("stop")
        return attempt.state

    def pause(self, job_id: str, epoch: int) -> str:
        attempt = self._attempt(job_id, epoch)
        if attempt.is_ended:
            raise RunRefused("job_ended", f"job {job_id!r} has ended: it cannot be paused")
        attempt.folder.control_write("pause")
        return attempt.state

    def resume(self, job_id: str, epoch: int) -> str:
        attempt = self._attempt(job_id, epoch)
        if attempt.is_ended:
            raise RunRefused("job_ended", f"job {job_id!r} has ended: it cannot go on")
        attempt.folder.control_write("run")
        return attempt.state

    def upload(self, job_id: str, epoch: int, signed: SignedManifest) -> None:
        """Sends a checkpoint's pieces in the background, also after the attempt's end. Asked again, the new URLs
        count. Raises RunRefused (unknown_checkpoint, …), OSError."""
        attempt = self._attempt(job_id, epoch)
        name = signed.manifest.sha256
        if name not in attempt.checkpoints:
            raise RunRefused("unknown_checkpoint", f"job {job_id!r} has no checkpoint with the manifest {name}")
        attempt.folder.uploads.mkdir(exist_ok=True)
        file_replace(attempt.folder.uploads / f"{name}.json", signed.model_dump_json().encode())
        self._upload_start(attempt, signed)

    async def wait(self, *, after: int, seconds: float) -> None:
        """Returns when the journal goes beyond `after`, or when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while self.store.last_position <= after:
                    await self._changed.wait()
        except TimeoutError:
            return

    def _attempt(self, job_id: str, epoch: int) -> Attempt:
        latest = self._latest.get(job_id)
        if latest is None:
            raise RunRefused("unknown_job", f"this node has no job {job_id!r}")
        if epoch < latest:
            raise RunRefused("stale_epoch", f"job {job_id!r} is at epoch {latest}; {epoch} is over")
        if epoch > latest:
            raise RunRefused("unknown_job", f"this node has job {job_id!r} of epoch {latest}, not {epoch}")
        return self._attempts[job_id, epoch]

    def _take(self, attempt: Attempt) -> None:
        job_id, epoch = attempt.key
        self._attempts[attempt.key] = attempt
        self._latest[job_id] = max(epoch, self._latest.get(job_id, 0))

    # Shims

    def _start_soon(self, attempt: Attempt) -> None:
        task = asyncio.create_task(self._start(attempt), name=f"start {attempt.key}")
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _start(self, attempt: Attempt) -> None:
        older = [a for a in self._attempts.values() if a.key[0] == attempt.key[0] and a.key[1] < attempt.key[1]]
        for one in older:
            one.folder.control_write("kill")
        # Also those that told their end and are still leaving: they hold their device's memory until they are gone.
        leaving = [*older, *(a for a in self._attempts.values() if a.is_ended)]
        deadline = time.monotonic() + LEAVE_SECONDS_MAX
        while any(_is_leaving(one) for one in leaving) and time.monotonic() < deadline:  # noqa: ASYNC110 - processes end
            await asyncio.sleep(TICK_SECONDS)
        if self._latest.get(attempt.key[0]) != attempt.key[1]:
            self._tell(attempt, JobCancelled(step=0))  # a newer epoch came while this one waited
            return
        try:
            self._shim_start(attempt)
        except OSError as error:
            logger.exception("job %s cannot be started", attempt.key)
            self._tell(attempt, JobFailed(cause="disk_full" if error.errno == 28 else "code_error", message=str(error)))

    def _shim_start(self, attempt: Attempt) -> None:
        lock = attempt.folder.lock_take()
        if lock is None or attempt.folder.has_started:
            return
        attempt.folder.started_write()
        with (attempt.folder.path / "shim.log").open("ab") as output:
            attempt.process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "gpu_node.server.job_shim", str(attempt.folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock,),  # held from before the shim's first instruction until its last
                start_new_session=True,  # it outlives this process and its terminal
            )
        os.close(lock)

    # The journal

    async def _follow(self) -> None:
        synced_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for attempt in list(self._attempts.values()):
                try:
                    self._tick(attempt)
                except Exception:  # a full disk, a damaged folder: the attempt's own log holds what is missing here
                    logger.exception("attempt %s cannot be followed", attempt.key)
                    await asyncio.sleep(SYNC_SECONDS)
            if time.monotonic() - synced_at > SYNC_SECONDS:
                synced_at = time.monotonic()
                try:
                    await asyncio.to_thread(self.store.sync)
                    self._attempts_forget()
                except OSError:
                    logger.exception("the jobs' journal could not be synced")

    def _tick(self, attempt: Attempt) -> None:
        if attempt.process is not None:
            attempt.process.poll()
        # Whether the shim lives is asked before its log is read: what it wrote last is then surely seen.
        is_gone = attempt.is_gone or (attempt.folder.has_started and not attempt.folder.is_alive)
        self._read(attempt)
        if is_gone and not attempt.is_ended:
            self._tell_lost(attempt)
        elif is_gone and not attempt.is_gone:
            attempt.is_gone = True
            shutil.rmtree(attempt.folder.inputs, ignore_errors=True)  # the largest part of what it leaves behind

    def _read(self, attempt: Attempt) -> None:
        start = self.store.mark_of(attempt.key).read_bytes
        if not attempt.folder.frames.exists() or attempt.folder.frames.stat().st_size <= start:
            return
        with attempt.folder.frames.open("rb") as file:
            file.seek(start)
            data = file.read(READ_BYTES_MAX)
        told: list[Told] = []
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            start += len(line)
            if (parsed := line_parse(line)) is not None:
                told.append(Told(parsed.event, parsed.at_ms, start))
        frames = self.store.append(attempt.key, told, node_rank=attempt.node_rank)
        for frame in frames:
            self._note(attempt, frame)
        if frames:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def _note(self, attempt: Attempt, frame: JobFrame) -> None:
        event = frame.event
        attempt.is_ended = attempt.is_ended or frame.is_terminal
        match event:
            case JobStarted():
                attempt.has_begun, attempt.step = True, event.step
            case JobPaused():
                attempt.is_paused = True
            case JobResumed():
                attempt.is_paused = False
            case Metric():
                attempt.step = event.step
                if attempt.trains and (speed := event.values.get("tokens_per_second")):
                    self.speeds[attempt.trains] = speed
            case Checkpoint():
                attempt.checkpoints[event.manifest.sha256] = event.step
                self._checkpoints_trim(attempt)
            case CheckpointUploaded():
                attempt.uploaded.append(event.step)
                self._checkpoints_trim(attempt)
            case _:
                pass

    def _tell(
        self, attempt: Attempt, event: JobFailed | JobCancelled | Log | CheckpointUploaded | CheckpointDropped
    ) -> None:
        JobLog(attempt.folder.frames, echo=False).append(event)

    def _tell_lost(self, attempt: Attempt) -> None:
        """The shim is gone. It has told the end unless it was killed itself."""
        if has_terminal(attempt.folder.frames):
            return  # the next tick reads it
        if attempt.folder.control == "stop":
            self._tell(attempt, JobCancelled(step=attempt.step))
        else:
            self._tell(attempt, JobFailed(cause="killed", message="the job's shim was killed, and the job with it"))

    # Start of the server

    def _recover(self) -> None:
        """Takes up every attempt on disk: those whose shim lives go on, those that never started start."""
        for path in sorted(self.folder.iterdir()):
            named = _NAME.match(path.name)
            if named is None or not path.is_dir():
                continue
            attempt = Attempt((named["job_id"], int(named["epoch"])), AttemptFolder(path))
            if not attempt.folder.has_order:
                continue  # the server died while it took the order: whoever asked was not answered
            try:
                attempt.of(attempt.folder.order)
            except ValidationError:
                logger.exception("an order that this version does not understand stays as it is: %s", path.name)
                continue
            self._take(attempt)
            self._replay(attempt)
        for attempt in list(self._attempts.values()):
            is_latest = self._latest[attempt.key[0]] == attempt.key[1]
            if not attempt.is_ended and not attempt.folder.has_started and is_latest:
                self._start_soon(attempt)
            for path in attempt.folder.uploads.glob("*.json"):
                self._upload_start(attempt, SignedManifest.model_validate_json(path.read_bytes()))

    def _replay(self, attempt: Attempt) -> None:
        """What was journaled of it before, read from its own log."""
        mark = self.store.mark_of(attempt.key)
        if not attempt.folder.frames.exists():
            return
        with attempt.folder.frames.open("rb") as file:
            data = file.read(mark.read_bytes)
        for line in data.splitlines():
            if (parsed := line_parse(line)) is not None:
                job_id, epoch = attempt.key
                frame = JobFrame(position=1, job_id=job_id, epoch=epoch, seq=1, at_ms=parsed.at_ms, event=parsed.event)
                self._note(attempt, frame)

    # Checkpoints

    def _upload_start(self, attempt: Attempt, signed: SignedManifest) -> None:
        key = (attempt.key, signed.manifest.sha256)
        if (older := self._uploads.pop(key, None)) is not None:
            older.cancel()
        task = asyncio.create_task(self._upload(attempt, signed), name=f"upload {key}")
        self._uploads[key] = task
        task.add_done_callback(lambda done: self._uploads.pop(key) if self._uploads.get(key) is done else None)

    async def _upload(self, attempt: Attempt, signed: SignedManifest) -> None:
        name = signed.manifest.sha256
        step = attempt.checkpoints.get(name, 0)
        folder = self._artifact(attempt, step)
        told = ""
        while True:
            try:
                async with session_open() as session:
                    await send(session, signed, folder)
            except (TransferFailed, WrongHash, OSError) as error:
                text = f"the checkpoint of step {step} could not be uploaded: {error}"
                if text != told:
                    self._tell(attempt, Log(level="error", text=text))
                told = text
                # A folder that changed or is gone stays so; a store that is away comes back, and then takes it.
                if not isinstance(error, TransferFailed):
                    self._tell(attempt, CheckpointDropped(step=step, manifest_sha256=name, reason=text))
                    break
                if time.time() * 1000 > signed.expires_ms:
                    break
            else:
                self._tell(attempt, CheckpointUploaded(step=step, manifest_sha256=name))
                break
            await asyncio.sleep(UPLOAD_AGAIN_SECONDS)
        (attempt.folder.uploads / f"{name}.json").unlink(missing_ok=True)

    def _artifact(self, attempt: Attempt, step: int) -> Path:
        """A training's checkpoints lie by step; any other job has the one output."""
        folder = attempt.folder.checkpoint(step)
        return folder if folder.exists() else attempt.folder.output

    def _checkpoints_trim(self, attempt: Attempt) -> None:
        """Removes all but the newest; one that is gone is no checkpoint to be asked for any more."""
        uploaded = sorted(set(attempt.uploaded))
        waiting = sorted(set(attempt.checkpoints.values()) - set(uploaded))
        for step in [*uploaded[:-CHECKPOINTS_KEPT], *waiting[:-CHECKPOINTS_WAITING_MAX]]:
            shutil.rmtree(attempt.folder.checkpoint(step), ignore_errors=True)
            attempt.checkpoints = {name: kept for name, kept in attempt.checkpoints.items() if kept != step}

    def _attempts_forget(self) -> None:
        """Lets go what ended long ago. An attempt that nobody has read to its end yet stays."""
        for attempt in list(self._attempts.values()):
            if not attempt.is_ended or self.store.acknowledged < self.store.last_position:
                continue
            if time.time() - attempt.folder.frames.stat().st_mtime > ATTEMPT_KEEP_SECONDS:
                shutil.rmtree(attempt.folder.path, ignore_errors=True)
                self.store.forget(attempt.key)
                del self._attempts[attempt.key]
                if self._latest.get(attempt.key[0]) == attempt.key[1]:
                    del self._latest[attempt.key[0]]


def trained_by(spec: JobSpec) -> str:
    """What a training's speed is told by: its parent, or the size of a new model; "" of other jobs."""
    return spec.parent or spec.model_size if isinstance(spec, TrainSpec) else ""


def _is_leaving(attempt: Attempt) -> bool:
    return not attempt.is_gone and attempt.folder.has_started and attempt.folder.is_alive
