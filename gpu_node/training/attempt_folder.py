"""One attempt of a job on a node's disk: what its process, its shim and the node's server share.

    order.json        the JobOrder, written before anything starts
    frames.ndjson     job events (gpu_node/training/job_frames.py)
    control           what is asked of it: run, pause, stop (with a last checkpoint) or kill
    lock              held by the shim as long as it lives: the kernel lets it go, kill -9 included
    started           the shim was started once: an attempt never starts twice
    exit.json         how the job's process ended
    inputs/ROLE/      downloaded and verified
    checkpoints/step-N/, output/   what it made
    uploads/          orders to upload, by the manifest's hash, until done

Not here: who reads or writes which of it. Invariant: small files are replaced as a whole.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.job_spec import JobOrder

Control = Literal["run", "pause", "stop", "kill"]
CONTROLS: tuple[Control, ...] = ("run", "pause", "stop", "kill")


class JobExit(Wire):
    """`exit_code` is negative for a signal, as `subprocess` has it; None: no process was started."""

    exit_code: int | None
    at_ms: int


@dataclass(frozen=True)
class AttemptFolder:
    path: Path

    @property
    def order(self) -> JobOrder:
        return JobOrder.model_validate_json((self.path / "order.json").read_bytes())

    def order_write(self, order: JobOrder) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file_replace(self.path / "order.json", order.model_dump_json().encode())

    @property
    def has_order(self) -> bool:
        return (self.path / "order.json").exists()

    @property
    def frames(self) -> Path:
        return self.path / "frames.ndjson"

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    @property
    def output(self) -> Path:
        return self.path / "output"

    @property
    def uploads(self) -> Path:
        return self.path / "uploads"

    def input(self, role: str) -> Path | None:
        folder = self.inputs / role
        return folder if folder.exists() else None

    def checkpoint(self, step: int) -> Path:
        return self.path / "checkpoints" / f"step-{step}"

    # Control

    @property
    def control(self) -> Control:
        try:
            text = (self.path / "control").read_text(encoding="ascii")
        except FileNotFoundError:
            return "run"
        return next((control for control in CONTROLS if control == text), "run")

    def control_write(self, control: Control) -> None:
        """A stop is final: it is never turned back into pause or run."""
        if CONTROLS.index(self.control) < CONTROLS.index("stop") or control == "kill":
            file_replace(self.path / "control", control.encode())

    # Life

    @property
    def has_started(self) -> bool:
        return (self.path / "started").exists()

    def started_write(self) -> None:
        (self.path / "started").touch()

    @property
    def exit(self) -> JobExit | None:
        path = self.path / "exit.json"
        return JobExit.model_validate_json(path.read_bytes()) if path.exists() else None

    def exit_write(self, exit_: JobExit) -> None:
        file_replace(self.path / "exit.json", exit_.model_dump_json().encode())

    def lock_take(self) -> int | None:
        """A descriptor that holds the lock, to be handed to the shim; None: a shim lives."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    @property
    def is_alive(self) -> bool:
        descriptor = self.lock_take()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False


def file_replace(path: Path, data: bytes) -> None:
    staging = path.with_name(f".{path.name}.partial")
    with staging.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
