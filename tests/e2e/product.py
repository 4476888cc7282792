"""Starts the whole product as a newcomer would (`make up`'s command) on a fresh data folder, and talks to it.

Real everything: PostgreSQL, Valkey, ASGI server, Celery, the node with the shipped models, the built web UI.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from backend.local import services
from gpu_node.protocol.frames import Frame, frame_parse

ROOT = Path(__file__).resolve().parents[2]
UP_TIMEOUT_SECONDS = 240  # a cold start builds the web UI
RUN_TIMEOUT_SECONDS = 60


@dataclass
class Product:
    """A running Svend. `children()` are pids by name, as the supervisor's children stand now."""

    url: str
    api_key: str
    admin_link: str
    data: Path
    process: subprocess.Popen[bytes]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=RUN_TIMEOUT_SECONDS, trust_env=False)

    def child_pid(self, pattern: str) -> int:
        """The supervisor's child whose command line holds `pattern`."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in listed:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if pattern in command:
                return int(pid)
        raise LookupError(f"no child matches {pattern!r}")

    def kill(self, pattern: str) -> None:
        os.kill(self.child_pid(pattern), signal.SIGKILL)

    def wait_until_answering(self, timeout_seconds: float = 150) -> None:
        """Until the web server answers and a node serves the model."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.get("/api/models")
                if answer.status_code == 200 and any(model["is_ready"] for model in answer.json()):
                    return
            time.sleep(0.2)
        raise TimeoutError("the product did not answer again")

    @property
    def first_run(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "first-run.json").read_text())
        return found

    @property
    def env(self) -> dict[str, str]:
        """The web server's environment: how a program beside it reaches the same services."""
        return _backend_env(self.process.pid)

    def arm(self, point: str, action: str = "kill9") -> None:
        """Makes the next process at that failpoint die there, once."""
        making = self.data / "failpoints" / f".{point}"
        making.write_text(action)
        making.rename(self.data / "failpoints" / point)

    def has_fired(self, point: str) -> bool:
        return any((self.data / "failpoints").glob(f"{point}.fired.*"))

    def ledger_check(self) -> dict[str, Any]:
        """The money proof, by the operator's command."""
        command = [sys.executable, "manage.py", "ledger_check"]
        env = _backend_env(self.process.pid)
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def wait_until_quiet(self, timeout_seconds: float = 90) -> None:
        """Until no hold is open: every run has been settled."""
        deadline = time.monotonic() + timeout_seconds
        while (report := self.ledger_check())["num_open_holds"]:
            assert time.monotonic() < deadline, report
            time.sleep(0.5)

    def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        """One run through `/v1/reason`, to its end."""
        answer = self.http.post("/v1/reason", json={"question": question, **fields})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def frames(self, run_id: str) -> list[Frame]:
        """The run's log as PostgreSQL has it, by the public event stream."""
        frames = []
        with self.http.stream("GET", f"/v1/reason/{run_id}/events", params={"after": 0}) as response:
            for line in response.iter_lines():
                payload = line.removeprefix("data: ")
                if payload == "[DONE]":
                    break
                if line.startswith("data: ") and "seq" in json.loads(payload):
                    frames.append(frame_parse(payload))
        return frames


def _backend_env(supervisor_pid: int) -> dict[str, str]:
    """The environment of the supervisor's web server: the same settings, read from the process itself."""
    listed = Path(f"/proc/{supervisor_pid}/task/{supervisor_pid}/children").read_text().split()
    for pid in listed:
        if b"backend.asgi" in Path(f"/proc/{pid}/cmdline").read_bytes():
            pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    raise LookupError("no web server runs")


def assert_whole(frames: list[Frame]) -> None:
    """A log from 1 without gap or repeat, closed by one terminal frame."""
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert [frame.is_terminal for frame in frames].count(True) == 1
    assert frames[-1].is_terminal


@contextlib.contextmanager
def product_started(data: Path) -> Iterator[Product]:
    port = services.port_free()
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    env = {name: value for name, value in env.items() if not name.startswith(("SVEND_", "DJANGO_"))}
    command = [sys.executable, "-m", "backend.local", "up", "--data", str(data), "--port", str(port)]
    (data / "failpoints").mkdir(parents=True, exist_ok=True)
    env["SVEND_FAILPOINT"] = f"in:{data / 'failpoints'}"  # asleep until a test arms one
    (data / "first-run.json").unlink(missing_ok=True)
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        first_run = _wait_for_first_run(data, process)
        product = Product(first_run["url"], first_run["api_key"], first_run["admin_link"], data, process)
        yield product
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_first_run(data: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + UP_TIMEOUT_SECONDS
    path = data / "first-run.json"
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"`make up` did not come up:\n{(data / 'up.log').read_text()[-4000:]}")
        time.sleep(0.1)
    found: dict[str, str] = json.loads(path.read_text())
    return found
