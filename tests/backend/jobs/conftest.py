"""The jobs' stage: nodes that do as told, two accounts, ticks called by hand, a store behind a real door."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvicorn

from backend.accounts.models import Account
from backend.core.realtime import connections_close
from backend.jobs.follow import follow_nodes
from backend.jobs.models import Job
from backend.jobs.orders import place_jobs
from backend.jobs.services import Terms, job_create
from backend.jobs.sweep import sweep_attempts
from backend.nodes.client import sessions_close
from backend.nodes.services import nodes_probe
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.wire_node import WireNode

STARTED = wire.JobStarted(step=0, num_steps=100, world_size=1, device="cpu")


def tick(*works: Coroutine[Any, Any, Any]) -> None:
    """Runs ticks on a loop of their own, as a Celery task does."""

    async def all_of_them() -> None:
        try:
            for work in works:
                await work
        finally:
            await sessions_close()
            await connections_close()

    asyncio.run(all_of_them())


def place() -> None:
    tick(nodes_probe(), place_jobs())


def follow() -> None:
    tick(follow_nodes(seconds_max=0, idle_seconds=0))


def sweep() -> None:
    tick(nodes_probe(), sweep_attempts())


def status(job: Job) -> str:
    return Job.objects.get(id=job.id).status


def fresh(job: Job) -> Job:
    return Job.objects.get(id=job.id)


@pytest.fixture
def nodes(settings: Any, transactional_db: None) -> Iterator[Callable[..., WireNode]]:
    """Makes a node of that name, running and named in the settings."""
    made: list[WireNode] = []
    settings.SVEND_NODES = []

    def make(name: str = "gpu-1", **options: Any) -> WireNode:
        node = WireNode(name, **options)
        node.start()
        made.append(node)
        settings.SVEND_NODES = [*settings.SVEND_NODES, node.setting]
        return node

    yield make
    for node in made:
        node.is_hanging.clear()
        node.stop()


@pytest.fixture
def node(nodes: Callable[..., WireNode]) -> WireNode:
    return nodes()


@pytest.fixture
def make_job(account: Account) -> Callable[..., Job]:
    """Queues a training job of Alice's; keywords are the spec's, `terms` the job's."""

    def make(*, owner: Account = account, terms: dict[str, Any] | None = None, kind: str = "train", **spec: Any) -> Job:
        job, _ = job_create(
            job_id=None,
            account_id=owner.id,
            created_by_id=None,
            spec={"kind": kind, **spec},
            terms=Terms(**(terms or {})),
        )
        return job

    return make


@pytest.fixture
def running(node: WireNode, make_job: Callable[..., Job]) -> Job:
    """A job that runs on `node`."""
    job = make_job()
    place()
    node.emit(job.id, STARTED)
    follow()
    assert status(job) == "running"
    return job


@pytest.fixture
def store_door(settings: Any, tmp_path: Any, transactional_db: None) -> Iterator[str]:
    """The real application on a real port, in a thread: where nodes put and get pieces."""
    from backend.asgi import application

    settings.SVEND_DATA = tmp_path
    listener = socket.create_server(("127.0.0.1", 0))
    settings.SVEND_ARTIFACTS_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    yield settings.SVEND_ARTIFACTS_URL
    server.should_exit = True
    thread.join(10)
