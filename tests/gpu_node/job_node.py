"""The cast of the jobs' tests: a real node server as a process, tiny inputs, a reader of its journal."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import torch

from gpu_node.model.checkpoint import save_checkpoint
from gpu_node.model.config import ModelConfig
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.protocol.job_frames import JobEvent, JobFrame, JobFramePage
from gpu_node.protocol.job_spec import DataSpec, JobOrder, JobSpec, TrainSpec
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.protocol.node import NodeInfo
from gpu_node.training.attempt_folder import JobExit

logging.getLogger("httpx").setLevel(logging.WARNING)  # a reader asks many times a second
ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "gpu_node" / "weights" / "svend-nano"
WAIT_SECONDS = 90.0  # a job's process imports torch on a busy machine
SCRIPT = {"answers": {}, "otherwise": [[{"answer": "42"}]]}
TINY = ModelConfig(
    vocab_size=2048,
    width=128,
    num_layers=1,
    num_heads=2,
    num_kv_heads=1,
    mlp_width=128,
    context_tokens=128,
    is_tied=True,
)


def tiny_checkpoint(folder: Path) -> Path:
    model = Transformer(TINY)
    initialise(model, seed=3)
    files = {name: (TOKENIZER / name).read_text() for name in ("tokenizer.json", "tokenizer_config.json")}
    save_checkpoint(folder, model, dtype=torch.float32, tokenizer_files=files)
    return folder


def data_folder(folder: Path, lines: Iterable[object] | None = None) -> Path:
    """A folder with one file of rows; a string goes in as it is."""
    folder.mkdir(parents=True)
    rows = lines or [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(200)]
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"
    (folder / "rows.jsonl").write_text(text)
    return folder


def train_spec(**fields: Any) -> TrainSpec:
    base: dict[str, Any] = {
        "parent": "tiny",
        "data": DataSpec(source="file", row_tokens_max=64),
        "num_steps": 8,
        "batch_tokens": 256,
        "warmup_steps": 2,
        "checkpoint_steps": 4,
        "seed": 5,
    }
    return TrainSpec(**(base | fields))


class JobNode:
    """A node server process on a fixed port, with its state folder kept over restarts."""

    def __init__(self, state: Path, *, jobs_max: int = 1, options: Iterable[str] = ()) -> None:
        self.state = state
        self.port = 0
        self._options = ["--jobs-max", str(jobs_max), *options]
        self._process: subprocess.Popen[str] | None = None
        state.mkdir(parents=True, exist_ok=True)
        (state / "script.json").write_text(json.dumps(SCRIPT))
        self.positions: list[JobFrame] = []

    def start(self) -> "JobNode":
        source = [] if "--model-path" in self._options else ["--script", str(self.state / "script.json")]
        command = [sys.executable, "-m", "gpu_node", "serve", *source]
        command += ["--port", str(self.port), "--state-dir", str(self.state), *self._options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert " on http://127.0.0.1:" in line, line
        self.port = int(line.split(" on http://127.0.0.1:")[1].split()[0])
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """Ends the server, and every shim that it left behind."""
        self.stop()
        for path in (self.state / "jobs").glob("*.*/order.json"):
            (path.parent / "control").write_text("kill")

    def _end(self, number: int) -> None:
        if self._process is not None:
            self.http.close()
            self._process.send_signal(number)
            self._process.wait(timeout=30)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    # The wire

    def put(
        self,
        job_id: str,
        spec: JobSpec,
        inputs: dict[str, SignedManifest] | None = None,
        *,
        epoch: int = 1,
        **order: Any,
    ) -> httpx.Response:
        body = JobOrder(spec=spec, inputs=inputs or {}, **order).model_dump_json()
        return self.http.put(f"/jobs/{job_id}", params={"epoch": epoch}, content=body)

    def info(self) -> NodeInfo:
        return NodeInfo.model_validate(self.http.get("/info").json())

    def frames(self) -> list[JobFrame]:
        """All frames so far, read on from the last one; positions are checked to have no gap."""
        while True:
            answer = self.http.get("/events", params={"after": len(self.positions)})
            page = JobFramePage.model_validate_json(answer.text)
            self.positions += page.frames
            assert [frame.position for frame in self.positions] == list(range(1, len(self.positions) + 1))
            if page.last_position == len(self.positions):
                return self.positions

    def events(self, job_id: str, *, epoch: int = 1) -> list[JobEvent]:
        frames = [frame for frame in self.frames() if (frame.job_id, frame.epoch) == (job_id, epoch)]
        assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
        return [frame.event for frame in frames]

    def wait(self, job_id: str, is_there: Callable[[JobEvent], bool], *, epoch: int = 1) -> JobEvent:
        """The first event that is wanted; fails when the job ends without it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            events = self.events(job_id, epoch=epoch)
            for event in events:
                if is_there(event):
                    return event
            time.sleep(0.05)
        raise AssertionError(f"not in {WAIT_SECONDS} s: {[event.model_dump() for event in events][-5:]}")

    def wait_end(self, job_id: str, *, epoch: int = 1) -> JobEvent:
        ends = ("job.finished", "job.cancelled", "job.failed")
        return self.wait(job_id, lambda event: event.type in ends, epoch=epoch)

    def attempt(self, job_id: str, *, epoch: int = 1) -> Path:
        return self.state / "jobs" / f"{job_id}.{epoch}"

    def wait_exit(self, job_id: str, *, epoch: int = 1) -> JobExit:
        """What the shim wrote as the last thing of all."""
        path = self.attempt(job_id, epoch=epoch) / "exit.json"
        deadline = time.monotonic() + WAIT_SECONDS
        while not path.exists():
            assert time.monotonic() < deadline, f"no {path}"
            time.sleep(0.05)
        return JobExit.model_validate_json(path.read_bytes())


def processes_of(folder: Path, module: str) -> list[int]:
    """Pids whose command line names the module and the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if module in words and str(folder) in words:
            found.append(int(path.parent.name))
    return found


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]
