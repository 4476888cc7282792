"""The cast of jobs on real nodes: node servers as processes, a stored parent and rows, ticks as beat makes them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.core.artifacts import folder_keep
from backend.jobs.follow import follow_nodes
from backend.jobs.models import Job
from backend.jobs.orders import place_jobs
from backend.jobs.sweep import sweep_attempts
from backend.model_registry.models import ModelVersion
from backend.nodes.services import nodes_probe
from tests.backend.jobs.conftest import tick
from tests.gpu_node.job_node import JobNode, data_folder, processes_of, tiny_checkpoint

WAIT_SECONDS = 300.0  # a job's process imports torch on a busy machine
JOB_MODULE = "gpu_node.training.run_job"
SHIM_MODULE = "gpu_node.server.job_shim"

Fleet = Callable[[int], list[JobNode]]


def until(is_there: Callable[[], Any]) -> None:
    """Ticks as beat would, until it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_there():
        assert time.monotonic() < deadline, [(job.status, job.status_reason) for job in Job.objects.all()]
        tick(nodes_probe(), place_jobs(), follow_nodes(seconds_max=1), sweep_attempts())


@pytest.fixture
def fleet(tmp_path: Path, settings: Any) -> Iterator[Fleet]:
    """Starts so many nodes, gpu-1 and on, and names them in the settings."""
    made: list[JobNode] = []
    settings.SVEND_NODES = []

    def start(num_nodes: int) -> list[JobNode]:
        for number in range(len(made) + 1, len(made) + num_nodes + 1):
            node = JobNode(tmp_path / f"gpu-{number}")
            made.append(node)  # before it starts: a test that is broken off must leave no process
            node.start()
            entry = {"name": f"gpu-{number}", "url": f"http://127.0.0.1:{node.port}", "secret": ""}
            settings.SVEND_NODES = [*settings.SVEND_NODES, entry]
        return made

    yield start
    for node in made:
        node.close()


def spec_stored(folder: Path) -> dict[str, Any]:
    """A short training of a tiny model, its parent and its rows in the store that the settings name."""
    parent = folder_keep(tiny_checkpoint(folder / "tiny"))
    data = folder_keep(data_folder(folder / "rows"))
    ModelVersion.objects.create(
        name="tiny",
        role="reasoner",
        context_tokens=128,
        num_parameters=1,
        vocab_size=2048,
        manifest_sha256=parent.sha256,
    )
    return {
        "parent": "tiny",
        "data": {"source": "file", "file": data.sha256, "row_tokens_max": 64},
        "num_steps": 8,
        "batch_tokens": 256,
        "warmup_steps": 2,
        "checkpoint_steps": 4,
        "seed": 5,
    }


@pytest.fixture
def spec(store_door: str, tmp_path: Path) -> dict[str, Any]:
    return spec_stored(tmp_path)


def rank_of(node: JobNode, job: Job) -> int:
    """The pid of the job's one process on the node, not of what started it."""
    pids = processes_of(node.attempt(job.id, epoch=job.epoch), JOB_MODULE)
    (rank,) = [pid for pid in pids if b"torch.distributed.run" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return rank


def machine_kill(node: JobNode, job: Job) -> None:
    """What a power cut does: the server is gone, the job's shim, and with it its processes."""
    node.kill()
    for pid in processes_of(node.attempt(job.id, epoch=job.epoch), SHIM_MODULE):
        os.kill(pid, signal.SIGKILL)
