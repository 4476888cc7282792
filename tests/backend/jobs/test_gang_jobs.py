"""A gang through the whole product: placed on real nodes, trained as one, placed again when a part of it is lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.models import Attempt, AttemptNode, Checkpoint, Job, JobEvent, Metric
from gpu_node.protocol.job_spec import JobOrder, job_spec_adapter
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.training.attempt_folder import AttemptFolder
from gpu_node.training.folder_manifest import manifest_of
from tests.backend.jobs.conftest import fresh
from tests.backend.jobs.real_nodes import JOB_MODULE, Fleet, fleet, machine_kill, rank_of, spec, until
from tests.gpu_node.job_node import ROOT, JobNode, data_folder, processes_of, tiny_checkpoint

__all__ = ["fleet", "spec"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900), pytest.mark.extra]

NUM_STEPS = 80
# Steps so long that a rank can be killed between them, and fp32 throughout.
TRAINING = {"num_steps": NUM_STEPS, "batch_tokens": 4096, "checkpoint_steps": 10, "is_autocast": False}
ALONE_SECONDS_MAX = 600  # ten on a quiet machine
LOSS_TOLERANCE = 1e-5  # two ranks sum in another order than one


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """Loss by step of the same training by one rank, in a process of its own, without any platform."""
    attempt = AttemptFolder(tmp_path_factory.mktemp("alone") / "job.1")
    given = {"kind": "train", "data": {"source": "file", "row_tokens_max": 64}, "warmup_steps": 2, "seed": 5}
    folders = {
        "parent": tiny_checkpoint(attempt.inputs / "parent"),
        "data": data_folder(attempt.inputs / "data"),
    }
    inputs = {
        role: SignedManifest(manifest=manifest_of(folder), urls={}, expires_ms=0) for role, folder in folders.items()
    }
    attempt.order_write(JobOrder(spec=job_spec_adapter.validate_python({**given, **TRAINING}), inputs=inputs))
    command = [sys.executable, "-m", JOB_MODULE, str(attempt.path)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=ALONE_SECONDS_MAX)
    told = [json.loads(line) for line in attempt.frames.read_text().splitlines()]
    events = [line["event"] if "event" in line else line for line in told]
    found = {event["step"]: event["values"]["loss"] for event in events if event["type"] == "metric"}
    assert sorted(found) == list(range(1, NUM_STEPS + 1))
    return found


def losses(job: Job) -> dict[int, float]:
    """By step, of the newest attempt that took it."""
    return {row.step: row.values["loss"] for row in Metric.objects.filter(job=job).order_by("seq")}


def node_names(job: Job, epoch: int) -> list[str]:
    parts = AttemptNode.objects.filter(attempt__job=job, attempt__epoch=epoch).order_by("node_rank")
    return list(parts.values_list("node__name", flat=True))


def gang_running(make_job: Callable[..., Job], spec: dict[str, Any]) -> Job:
    """A gang that has a committed checkpoint and is in the middle of its steps."""
    job = make_job(**{**spec, **TRAINING, "num_nodes": 2})
    until(lambda: Checkpoint.objects.filter(job=job, committed_at__isnull=False).exists())
    assert fresh(job).step < NUM_STEPS, "the steps are too short for this test"
    return fresh(job)


def ended_well(job: Job, alone: dict[int, float]) -> None:
    """It went on in a second attempt from a committed checkpoint, and came to the losses of an undisturbed rank."""
    until(lambda: fresh(job).is_ended)
    assert fresh(job).status == "succeeded", fresh(job).failure_message
    first, second = Attempt.objects.filter(job=job).order_by("epoch")
    assert (first.outcome, second.outcome) == ("failed", "finished")
    assert second.resumed_from is not None
    assert second.resumed_from.attempt_id == first.id
    assert fresh(job).retries_used == 0
    again = [row.step for row in Metric.objects.filter(job=job, epoch=2).order_by("seq")]
    assert again == list(range(second.resumed_from.step + 1, NUM_STEPS + 1))
    assert losses(job) == pytest.approx(alone, abs=LOSS_TOLERANCE)


def test_two_nodes_train_to_the_loss_of_one_rank(fleet: Fleet, spec: Any, make_job: Any, alone: Any) -> None:
    fleet(2)
    job = make_job(**{**spec, **TRAINING, "num_nodes": 2})
    until(lambda: fresh(job).is_ended)
    assert fresh(job).status == "succeeded", fresh(job).failure_message
    assert node_names(job, 1) == ["gpu-1", "gpu-2"]
    starts = JobEvent.objects.filter(job=job, type="job.started").order_by("node_rank")
    assert [(row.node_rank, row.event["world_size"]) for row in starts] == [(0, 2), (1, 2)]
    assert losses(job) == pytest.approx(alone, abs=LOSS_TOLERANCE)
    last = Checkpoint.objects.get(job=job, step=NUM_STEPS)
    assert (last.state, last.node.name) == ("committed", "gpu-1")


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_places_the_gang_anew(fleet: Fleet, spec: Any, make_job: Any, alone: Any, rank: int) -> None:
    nodes = fleet(2)
    job = gang_running(make_job, spec)
    os.kill(rank_of(nodes[rank], job), signal.SIGKILL)
    ended_well(job, alone)
    first = AttemptNode.objects.filter(attempt__job=job, attempt__epoch=1).order_by("node_rank")
    causes = [part.end["cause"] for part in first if part.end]
    assert causes.count("killed") == 1
    assert set(causes) <= {"killed", "peer_lost"}
    assert [processes_of(node.attempt(job.id, epoch=1), JOB_MODULE) for node in nodes] == [[], []]


def test_a_lost_machine_of_a_gang_is_replaced(fleet: Fleet, spec: Any, make_job: Any, alone: Any) -> None:
    nodes = fleet(3)
    job = gang_running(make_job, spec)
    assert node_names(job, 1) == ["gpu-1", "gpu-2"]
    machine_kill(nodes[0], job)
    ended_well(job, alone)
    assert node_names(job, 2) == ["gpu-2", "gpu-3"]
    comes_back(nodes[0], job)


def comes_back(node: JobNode, job: Job) -> None:
    """The lost machine tells its part when it is on again: nobody listens."""
    told = fresh(job).last_seq
    node.start()
    node.wait_end(job.id, epoch=1)
    until(lambda: node.info().running_jobs == [])
    assert (fresh(job).status, fresh(job).last_seq) == ("succeeded", told)
    assert Path(node.attempt(job.id, epoch=1)).exists()
