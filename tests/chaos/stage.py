"""The product as processes for the chaos tests: web, Celery, beat, Valkey, two real nodes, supervised as by `make up`.

PostgreSQL is the test run's own, the database the test's: what is in it can be asserted by the ORM. Everything else is
started here, may be killed by its real pid, and comes back by the product's own supervisor. Nodes serve a script, so
that only jobs need torch. Not here: what the jobs are (work.py), who dies when (havoc.py).
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connection

from backend.local import services, up
from backend.local.supervisor import Child, Supervisor
from backend.nodes.services import nodes_probe
from tests.backend.jobs.conftest import tick
from tests.gpu_node.job_node import SCRIPT

NODE_NAMES = ("gpu-1", "gpu-2")
CONTROL = ("web", "worker", "beat")
START_SECONDS_MAX = 120.0
CALL_SECONDS_MAX = 10.0
CALLS_SECONDS_MAX = 90.0  # a call is repeated while the web server or Valkey is away
JOB_MODULES = {"run_job": "gpu_node.training.run_job", "job_shim": "gpu_node.server.job_shim"}


@dataclass(frozen=True)
class Process:
    """One of a job's processes on a node."""

    pid: int
    node_name: str
    job_id: str
    epoch: int


@dataclass
class Stage:
    data: Path
    plan: up.Plan
    nodes: dict[str, int]  # name -> port
    api_key: str
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _supervisors: dict[str, Supervisor] = field(default_factory=dict)
    _thread: threading.Thread = field(init=False)
    said: list[str] = field(default_factory=list)  # by the supervisors: who died, who was started again

    def __post_init__(self) -> None:
        # A child dies with the thread that started it, so this one lives as long as the stage.
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.http = httpx.Client(
            base_url=self.plan.url,
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=CALL_SECONDS_MAX,
            trust_env=False,
        )

    # Life

    def start(self) -> None:
        """Until all is ready and both nodes are known."""
        self._do(self._start_all())
        settings.SVEND_NODES = self._named()
        tick(nodes_probe())

    def stop(self) -> None:
        """Ends everything, and every job that the nodes left behind."""
        self.http.close()
        for name in list(self._supervisors):
            self._do(self._supervisors.pop(name).stop_all())
        for process in self.job_processes():
            signal_send(process.pid, signal.SIGKILL)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def control_stop(self) -> None:
        """The whole control plane is away: no web server, no Celery, no beat."""
        for name in CONTROL:
            self._do(self._supervisors.pop(name).stop_all())

    def control_start(self) -> None:
        self._do(self._start(*(self._children()[name] for name in CONTROL)))

    def check(self) -> None:
        """Raises what a supervisor gave up for."""
        for supervisor in self._supervisors.values():
            if supervisor.failure is not None:
                raise supervisor.failure

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS_MAX)

    async def _start_all(self) -> None:
        children = self._children()
        await self._start(children.pop("valkey"))
        await self._start(*children.values())

    async def _start(self, *children: Child) -> None:
        """Each under a supervisor of its own, so that one can be ended without the others."""
        for child in children:
            self._supervisors[child.name] = Supervisor(self.data / "logs", self.said.append)
        await asyncio.gather(*(self._supervisors[child.name].start(child) for child in children))

    def _named(self) -> list[dict[str, str]]:
        secret = self.plan.secrets["SVEND_NODE_SECRET"]
        return [
            {"name": name, "url": f"http://127.0.0.1:{port}", "secret": secret} for name, port in self.nodes.items()
        ]

    def _children(self) -> dict[str, Child]:
        control = [up.web_child(self.plan), up.worker_child(self.plan), up.beat_child(self.plan)]
        control = [replace(child, env={**child.env, "SVEND_NODES": json.dumps(self._named())}) for child in control]
        nodes = [self._node_child(name, port) for name, port in self.nodes.items()]
        return {child.name: child for child in [up.valkey_child(self.plan), *control, *nodes]}

    def _node_child(self, name: str, port: int) -> Child:
        state = self.data / name
        state.mkdir(exist_ok=True)
        (state / "script.json").write_text(json.dumps(SCRIPT))
        child = up.node_child(replace(self.plan, node_port=port))
        command = [*child.command[:4], "--script", str(state / "script.json"), "--name", name, "--port", str(port)]
        command += ["--state-dir", str(state), "--secret-env", "SVEND_NODE_SECRET"]
        return replace(child, name=name, command=command)

    # Processes

    def node_signal(self, name: str, number: signal.Signals) -> None:
        """To all that runs there, as if the machine itself stood still: the server, its shims, their jobs."""
        for process in self.job_processes():
            if process.node_name == name:
                signal_send(process.pid, number)
        signal_send(self.pid(name), number)

    def log(self, name: str) -> str:
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")

    def pid(self, name: str) -> int:
        return self._supervisors[name].pids()[name]

    def children_of(self, pid: int) -> list[int]:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def job_processes(self, *names: str) -> list[Process]:
        """Of the live attempts on both nodes: `run_job`, `job_shim`, or all."""
        modules = [JOB_MODULES[name] for name in names or JOB_MODULES]
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue  # it has ended meanwhile
            folder = Path(next((word for word in words if word.startswith(str(self.data))), "/"))
            if folder.parent.name == "jobs" and any(module in words for module in modules):
                job_id, _, epoch = folder.name.rpartition(".")
                found.append(Process(int(path.parent.name), folder.parents[1].name, job_id, int(epoch)))
        return found

    def valkey_wipe(self) -> None:
        """Killed, and all that it kept is gone before it is started again."""
        pid = self.pid("valkey")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), seconds=5)
        shutil.rmtree(self.data / "valkey" / "appendonlydir")

    # Requests, as a client makes them that meets an outage: the same one again until it is answered

    def call(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        deadline = time.monotonic() + CALLS_SECONDS_MAX
        while True:
            try:
                answer = self.http.request(method, path, json=body)
            except httpx.TransportError as error:
                said = repr(error)
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                said = answer.text
            assert time.monotonic() < deadline, f"{method} {path} was not answered: {said}"
            time.sleep(0.3)

    def web_answers(self) -> bool:
        try:
            return self.http.get("/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def signal_send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself at this very moment
        os.kill(pid, number)


def is_alive(pid: int) -> bool:
    """Neither gone nor a zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: Callable[[], object] = lambda: "") -> float:
    """Seconds that it took."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() < started + seconds, f"not in {seconds:.0f} s: {what()}"
        time.sleep(0.2)
    return time.monotonic() - started


@contextlib.contextmanager
def stage_started(data: Path, *, operator_key: str) -> Iterator[Stage]:
    """On the test's own database, which must be one whose rows are committed (`transactional_db`)."""
    valkey_port = services.port_free()
    database = connection.settings_dict
    database_url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    plan = up.Plan(
        data=data,
        web_port=services.port_free(),
        database_url=database_url,
        owner_url=database_url,
        redis_url=services.valkey_url(valkey_port),
        postgres_port=None,
        valkey_port=valkey_port,
        node_port=0,
        stripe_port=None,
        secrets={"SVEND_SECRET_KEY": settings.SECRET_KEY, "SVEND_NODE_SECRET": f"chaos-{random.getrandbits(64):x}"},
    )
    stage = Stage(data, plan, {name: services.port_free() for name in NODE_NAMES}, operator_key)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()
