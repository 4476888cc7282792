"""`python -m gpu_node.server.job_shim FOLDER`: watches over one attempt of a job, and outlives the node's server.

    1. meets the other nodes of its gang, fetches and verifies the inputs
    2. starts the job's process, or torchrun with static ranks and no restarts: those belong to the platform
    3. passes on what is asked of it, turns its output into log frames
    4. writes the end that the process could not write itself, then exit.json

Signals to the shim itself are taken as requests: SIGTERM stops with a last checkpoint, SIGUSR1 pauses, SIGUSR2 goes on.
Not here: torch, the journal (job_store.py). Invariants: the lock handed over at its start is held until the end; when
the shim dies, its processes die with it.
"""

import asyncio
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpu_node.protocol.job_frames import Alert, JobCancelled, JobFailed, JobPaused, JobResumed, Log, LogLevel
from gpu_node.protocol.job_spec import GenerateSpec, JobOrder, JobSpec, TrainSpec
from gpu_node.server.gang_door import GangApart, gang_met
from gpu_node.server.transfer import TransferFailed, WrongHash, fetch_through_outages, session_open
from gpu_node.training.attempt_folder import AttemptFolder, Control, JobExit
from gpu_node.training.job_errors import failure_of
from gpu_node.training.job_frames import JobLog, has_terminal, last_step, text_cut
from gpu_node.training.run_job import die_with_parent

POLL_SECONDS = 0.2  # how soon a request reaches the job
FLUSH_SECONDS = 0.5  # lines that come together become one log frame
OUTPUT_BYTES_MAX = 16 * 1024 * 1024  # of a job's prints; what comes after is dropped, and said so
READ_BYTES = 65_536
# A last checkpoint of a large model takes minutes; what is not done by then is ended.
STOP_SECONDS_MAX = 600.0
# Longer than a step or a checkpoint of a model that its node fits; shorter than a rank waits for a peer.
STALL_SECONDS = 300.0
DISK_SPARE_BYTES = 256 * 1024 * 1024  # left free beside the inputs
GATHER_SECONDS_MAX = 120  # for all nodes of a gang to reach rank 0

# torchrun ends with status 1 whatever happened to its ranks; only its report says what.
KILLED_WORDS = ("Signal 9 (SIGKILL)", "exitcode  : -9", "exitcode: -9")
PEER_WORDS = ("RendezvousTimeoutError", "RendezvousConnectionError", "DistNetworkError", "DistStoreError")

# What a job's process sees of the environment: nothing that could be the node's secret.
ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
# And the keys that a job may send to the addresses beside them: of a `generate` job alone.
GENERATE_ENVIRONMENT = ("SVEND_GENERATE_ENDPOINTS",)
ENVIRONMENT_PREFIXES = ("PIP_", "CUDA_", "NCCL_", "GLOO_", "OMP_", "MKL_", "TORCH_", "NVIDIA_", "LC_")


def main(arguments: list[str]) -> int:
    shim = Shim(AttemptFolder(Path(arguments[0]).resolve()))
    for number, control in _SIGNALS.items():
        signal.signal(number, lambda *_, control=control: shim.attempt.control_write(control))
    exit_code: int | None = None
    try:
        if shim.prepare():
            exit_code = shim.watch()
    except OSError as error:
        shim.end(failure_of(error))
    shim.attempt.exit_write(JobExit(exit_code=exit_code, at_ms=time.time_ns() // 1_000_000))
    return 0


_SIGNALS: dict[int, Control] = {signal.SIGTERM: "stop", signal.SIGUSR1: "pause", signal.SIGUSR2: "run"}


def job_environment(environment: Mapping[str, str], spec: JobSpec) -> dict[str, str]:
    named = ENVIRONMENT + (GENERATE_ENVIRONMENT if isinstance(spec, GenerateSpec) else ())
    return {
        name: value for name, value in environment.items() if name in named or name.startswith(ENVIRONMENT_PREFIXES)
    }


def job_command(order: JobOrder, folder: Path) -> list[str]:
    """The job's process alone, or torchrun where there are ranks."""
    job = ["gpu_node.training.run_job", str(folder)]
    gang = order.rendezvous
    ranks = order.spec.ranks_per_node if isinstance(order.spec, TrainSpec) else 1
    if gang is None and ranks == 1:
        return [sys.executable, "-m", *job]
    command = [sys.executable, "-m", "torch.distributed.run", "--max-restarts", "0"]
    if gang is None:
        command += ["--standalone", "--nnodes", "1", "--nproc-per-node", str(ranks)]
    else:
        command += ["--nnodes", str(gang.num_nodes), "--node-rank", str(gang.node_rank)]
        command += ["--nproc-per-node", str(gang.ranks_per_node)]
        command += ["--rdzv-conf", f"timeout={GATHER_SECONDS_MAX}"]
        command += ["--master-addr", gang.master_host, "--master-port", str(gang.master_port)]
    return [*command, "-m", *job]


@dataclass
class Shim:
    attempt: AttemptFolder
    _done: Control = field(init=False, default="run")  # the last request that was passed on
    _stop_at: float = field(init=False, default=float("inf"))
    _told_bytes: int = field(init=False, default=-1)  # of the job's log, when it last grew
    _told_at: float = field(init=False, default=0.0)
    _is_stalled: bool = field(init=False, default=False)  # and said so

    def __post_init__(self) -> None:
        self.log = JobLog(self.attempt.frames, echo=False)

    def end(self, event: JobFailed | JobCancelled) -> None:
        if not has_terminal(self.attempt.frames):
            self.log.append(event)

    # 1. Inputs

    def prepare(self) -> bool:
        """False when the attempt ended here."""
        try:
            asyncio.run(self._unless_stopped(self._gang_prepare()))
        except GangApart as error:
            self.end(JobFailed(cause=error.cause, message=str(error), cure=error.cure))
        except WrongHash as error:
            self.end(JobFailed(cause="bad_input", message=str(error), cure="store it anew, or take another one"))
        except TransferFailed as error:
            self.end(JobFailed(cause="bad_input", message=str(error), cure="try again: the store may be back"))
        except _Stopped:
            self.end(JobCancelled(step=0))
        else:
            return True
        return False

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        working = asyncio.create_task(work)
        while not (await asyncio.wait([working], timeout=POLL_SECONDS))[0]:
            if self.attempt.control in ("stop", "kill"):
                working.cancel()
                await asyncio.wait([working])
                raise _Stopped
        working.result()

    async def _gang_prepare(self) -> None:
        place = self.attempt.order.rendezvous
        async with gang_met(place, self.attempt.path.name, lambda text: self.log.append(Log(text=text))) as gang:
            await self._inputs_fetch()
            await gang.ready()

    async def _inputs_fetch(self) -> None:
        inputs = self.attempt.order.inputs
        num_bytes = sum(signed.manifest.num_bytes for signed in inputs.values())
        free = shutil.disk_usage(self.attempt.path).free
        if num_bytes + DISK_SPARE_BYTES > free:
            raise OSError(28, f"the inputs have {num_bytes} bytes, the disk has {free} left")
        async with session_open() as session:
            for role, signed in inputs.items():
                self.log.append(Log(text=f"fetching {role}: {signed.manifest.num_bytes} bytes"))
                # The backend may be away for minutes; that is no fault of the job's.
                fetching = asyncio.create_task(
                    fetch_through_outages(session, signed, self.attempt.inputs / role, on_wait=self._warn)
                )
                while not (await asyncio.wait([fetching], timeout=POLL_SECONDS))[0]:
                    if self.attempt.control in ("stop", "kill"):
                        fetching.cancel()
                        raise _Stopped
                try:
                    fetching.result()
                except WrongHash as error:
                    raise WrongHash(f"the input {role!r} is damaged in the store: {error}") from error

    def _warn(self, text: str) -> None:
        self.log.append(Log(level="warning", text=text_cut(text)))

    # 2. and 3. The process

    def watch(self) -> int | None:
        """Runs the job to its end; gives its exit code, None when it was stopped before it began."""
        if self.attempt.control in ("stop", "kill"):
            self.end(JobCancelled(step=0))
            return None
        order = self.attempt.order
        process = subprocess.Popen(  # noqa: S603 - our own module
            job_command(order, self.attempt.path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=job_environment(os.environ, order.spec),
            preexec_fn=die_with_parent,
        )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        output = Output(self.log)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while process.poll() is None:
                if selector.select(timeout=POLL_SECONDS) and not output.read(process.stdout.fileno()):
                    time.sleep(POLL_SECONDS)  # it closed its output, and lives on
                output.flush_due()
                self._pass_on(process, is_trainer=isinstance(order.spec, TrainSpec))
                self.stall_watch()
        output.read(process.stdout.fileno())
        output.flush()
        self._tell_end(process.returncode, output)
        return process.returncode

    def stall_watch(self) -> None:
        """Marks a job that tells nothing for long: it cannot say so itself. Called again and again."""
        now = time.monotonic()
        num_bytes = self.attempt.frames.stat().st_size if self.attempt.frames.exists() else 0
        if num_bytes != self._told_bytes or self.attempt.control != "run":
            self._told_bytes, self._told_at, self._is_stalled = num_bytes, now, False
        elif now - self._told_at > STALL_SECONDS and not self._is_stalled:
            message = f"nothing was told for {STALL_SECONDS:.0f} s, not even a step"
            self.log.append(Alert(kind="stall", step=last_step(self.attempt.frames), message=message))
            self._told_bytes, self._is_stalled = self.attempt.frames.stat().st_size, True

    def _pass_on(self, process: subprocess.Popen[bytes], *, is_trainer: bool) -> None:
        """A trainer reads `control` between its steps; any other process is paused and stopped by signals."""
        asked = self.attempt.control
        if time.monotonic() > self._stop_at or (asked == "kill" and self._done != "kill"):
            _signal_all(process, signal.SIGKILL)
        if asked == self._done:
            return
        if not is_trainer and asked == "pause":
            _signal_all(process, signal.SIGSTOP)
            self.log.append(JobPaused())
        if not is_trainer and asked == "run":
            _signal_all(process, signal.SIGCONT)
            self.log.append(JobResumed())
        if asked == "stop":
            self._stop_at = time.monotonic() + STOP_SECONDS_MAX
            if not is_trainer:
                _signal_all(process, signal.SIGKILL)  # its result is whole or nothing: there is no state to save
        self._done = asked

    # 4. The end

    def _tell_end(self, exit_code: int, output: "Output") -> None:
        if self._done == "stop":
            self.end(JobCancelled(step=0))
        elif exit_code < 0 or self._done == "kill":
            name = signal.Signals(-exit_code).name if exit_code < 0 else "SIGKILL"
            self.end(JobFailed(cause="killed", message=f"the job's process was ended by {name}"))
        elif any(word in output.last for word in KILLED_WORDS):
            self.end(JobFailed(cause="killed", message="a rank of the job was ended by SIGKILL"))
        elif any(word in output.last for word in PEER_WORDS):
            message = text_cut(f"the gang did not come together, or lost its first rank\n{output.last}")
            self.end(JobFailed(cause="peer_lost", message=message))
        else:
            message = f"the job's process ended with status {exit_code} and no word\n{output.last}"
            self.end(JobFailed(cause="code_error", message=text_cut(message), cure="the log has its last lines"))


class _Stopped(Exception):
    """Asked to stop while the inputs were fetched."""


@dataclass
class Output:
    """A process's prints as log frames."""

    log: JobLog
    last: str = ""
    _waiting: bytearray = field(default_factory=bytearray)
    _num_bytes: int = 0
    _flushed_at: float = float("-inf")

    def read(self, descriptor: int) -> bool:
        """Takes what is there; False at the end."""
        while True:
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            if self._num_bytes <= OUTPUT_BYTES_MAX:
                self._waiting += data
            self._num_bytes += len(data)

    def flush_due(self) -> None:
        if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._flushed_at = time.monotonic()
        text, self._waiting = self._waiting.decode("utf-8", "replace").strip(), bytearray()
        while text:
            piece, text = text[: READ_BYTES // 8], text[READ_BYTES // 8 :]
            self.last = text_cut(piece)
            self.log.append(Log(level=_level(piece), text=self.last))


def _level(text: str) -> LogLevel:
    if "Traceback" in text or "Error" in text:
        return "error"
    return "warning" if "warning" in text.lower() else "info"


def _signal_all(process: subprocess.Popen[bytes], number: int) -> None:
    """The process and, under torchrun, its ranks: children first, so that none is restarted or missed."""
    for pid in [*_children(process.pid), process.pid]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
