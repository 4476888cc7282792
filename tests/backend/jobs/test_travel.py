"""A checkpoint's way through the whole product: trained on one node, through the store, resumed, measured and served on
another, over lines that break in the middle of a piece; a byte that flipped in the store is refused where it arrives.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.core.artifacts import FolderStore, piece_store
from backend.core.artifacts_s3 import S3Store
from backend.jobs.models import Attempt, AttemptNode, Checkpoint, Job
from backend.jobs.reports import checkpoint_register
from backend.jobs.services import job_cancel, job_requeue
from backend.model_registry.deployments import deployment_want, deployments_drive
from backend.model_registry.models import Deployment, EvalReport, ModelVersion
from backend.model_registry.services import snapshot_forget
from backend.nodes.models import Node
from gpu_node.protocol.manifest import Manifest
from tests.backend.jobs.broken_line import BrokenLine, line_to
from tests.backend.jobs.conftest import fresh, status, tick
from tests.backend.jobs.real_nodes import Fleet, fleet, spec_stored, until
from tests.backend.jobs.stored import flip
from tests.gpu_node.job_node import JobNode

__all__ = ["fleet"]  # fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900), pytest.mark.extra]

WEIGHTS = "model.safetensors"


@pytest.fixture(params=["folder", "bucket"])
def line(request: pytest.FixtureRequest, settings: Any) -> Iterator[BrokenLine]:
    """The store of that kind, reached by nodes only over a line that can be broken."""
    door = request.getfixturevalue("store_door")
    if request.param == "bucket":
        request.getfixturevalue("bucket")
        door = settings.SVEND_S3_ENDPOINT
    with line_to(door) as line:
        setattr(settings, "SVEND_S3_ENDPOINT" if request.param == "bucket" else "SVEND_ARTIFACTS_URL", line.url)
        assert isinstance(piece_store(), S3Store if request.param == "bucket" else FolderStore)
        yield line


@pytest.fixture
def spec(line: BrokenLine, tmp_path: Path) -> dict[str, Any]:
    return spec_stored(tmp_path)


def weights_of(job: Job, step: int) -> list[str]:
    """Hashes of the weights' pieces, each seen to be what lies in the store."""
    manifest = Manifest.model_validate(Checkpoint.objects.get(job=job, step=step).manifest)
    (file,) = [file for file in manifest.files if file.path == WEIGHTS]
    names = [piece.sha256 for piece in file.pieces]
    assert [hashlib.sha256(piece_store().read(name)).hexdigest() for name in names] == names
    return names


def cordon(name: str) -> None:
    """Nothing new goes there."""
    assert Node.objects.filter(name=name).update(is_cordoned=True) == 1


def where(job: Job) -> str:
    return AttemptNode.objects.get(attempt__job=job, attempt__epoch=fresh(job).epoch).node.name


def ended(job: Job) -> str:
    until(lambda: fresh(job).is_ended)
    return f"{status(job)} {fresh(job).failure_message}".strip()


def deployed(version: ModelVersion, node_name: str) -> Deployment:
    """The wish for that node, driven to its end."""
    snapshot_forget()
    wish = deployment_want(version=version, node_name=node_name)

    async def drive() -> None:
        await deployments_drive()
        await asyncio.sleep(0.2)

    until_ended = (Deployment.State.READY, Deployment.State.FAILED)
    for _ in range(600):
        tick(drive())
        wish.refresh_from_db()
        if wish.state in until_ended:
            return wish
    raise AssertionError((wish.state, wish.reason))


def test_a_checkpoint_of_one_node_is_resumed_measured_and_served_on_another(
    fleet: Fleet, spec: Any, line: BrokenLine, make_job: Any
) -> None:
    _, second = fleet(2)
    training = {**spec, "num_steps": 60, "batch_tokens": 4096, "checkpoint_steps": 20}
    line.breaks.update(up=2, down=1)
    whole = make_job(terms={"node_names": ["gpu-1"]}, **training)
    assert ended(whole) == "succeeded"
    assert line.breaks == {"up": 0, "down": 0}, "the line was never broken"

    moved = make_job(**training)
    until(lambda: Checkpoint.objects.filter(job=moved, committed_at__isnull=False).exists())
    assert where(moved) == "gpu-1"
    job_cancel(moved.id, reason="elsewhere")
    assert ended(moved) == "cancelled"
    cordon("gpu-1")
    line.breaks["down"] = 1
    job_requeue(moved.id, reason="on")
    assert ended(moved) == "succeeded"
    assert (where(moved), line.breaks["down"]) == ("gpu-2", 0)
    resumed = Attempt.objects.get(job=moved, epoch=2).resumed_from
    assert resumed is not None
    assert resumed.node.name == "gpu-1"
    assert weights_of(moved, 60) == weights_of(whole, 60)  # bit for bit, whichever node took the steps

    version = checkpoint_register(whole.id, 60)
    line.breaks["down"] = 1
    measured = make_job(kind="evaluate", model=f"{whole.id}:60", families=["gcd"], num_problems=1)
    assert ended(measured) == "succeeded"
    assert (where(measured), line.breaks["down"]) == ("gpu-2", 0)
    assert EvalReport.objects.get(job_id=measured.id).model_version_id == version.id

    line.breaks["down"] = 1
    assert deployed(version, "gpu-2").state == Deployment.State.READY
    assert line.breaks["down"] == 0
    answer = second.http.post("/v1/completions", json={"model": version.name, "prompt": "1 + 1", "max_tokens": 2})
    assert answer.status_code == 200, answer.text
    held = {model.version: model.manifest_sha256 for model in second.info().models}
    assert held[version.name] == version.manifest_sha256


def leftovers(node: JobNode) -> list[str]:
    """Anything of weights on the node's disk."""
    return [str(path.relative_to(node.state)) for path in node.state.rglob("*") if path.name == WEIGHTS]


def test_a_flipped_byte_in_the_store_is_refused_by_the_node_that_receives_it(
    fleet: Fleet, spec: Any, make_job: Any
) -> None:
    fleet(1)
    job = make_job(**{**spec, "num_steps": 100_000, "checkpoint_steps": 20})
    until(lambda: Checkpoint.objects.filter(job=job, committed_at__isnull=False).exists())
    job_cancel(job.id, reason="elsewhere")
    assert ended(job) == "cancelled"
    step = Checkpoint.objects.filter(job=job, committed_at__isnull=False).latest("step").step
    version = checkpoint_register(job.id, step)
    _, second = fleet(1)
    cordon("gpu-1")
    piece = weights_of(job, step)[0]
    flip(piece)

    damaged = f"{WEIGHTS}: a piece of {len(piece_store().read(piece))} bytes does not have the hash {piece}"
    job_requeue(job.id, reason="on")
    assert ended(job) == f"failed the input 'resume' is damaged in the store: {damaged}"
    assert (fresh(job).failure_cause, fresh(job).epoch) == ("bad_input", 2)
    measured = make_job(kind="evaluate", model=f"{job.id}:{step}", families=["gcd"], num_problems=1)
    assert ended(measured) == f"failed the input 'model' is damaged in the store: {damaged}"
    assert not EvalReport.objects.exists()

    wish = deployed(version, "gpu-2")
    assert (wish.state, wish.reason) == (Deployment.State.FAILED, f"{version.name}: {damaged}")
    assert version.name not in [model.version for model in second.info().models]
    assert {attempt.outcome for attempt in Attempt.objects.filter(job=measured)} == {"failed"}
    until(lambda: second.info().running_jobs == [])
    assert leftovers(second) == []
