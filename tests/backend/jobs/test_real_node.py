"""Jobs on a real node: from the queue through a real training to a committed checkpoint, and through deaths."""

import pytest

from backend.core.artifacts import pieces_lacking
from backend.jobs.follow import follow_nodes
from backend.jobs.models import Attempt, Checkpoint, Metric
from backend.jobs.reports import checkpoint_register
from backend.jobs.services import job_cancel, job_pause, job_requeue, job_resume
from backend.jobs.sweep import sweep_attempts
from backend.model_registry.models import EvalReport
from backend.nodes.services import nodes_probe
from gpu_node.protocol.manifest import Manifest
from tests.backend.jobs.conftest import fresh, status, tick
from tests.backend.jobs.real_nodes import Fleet, fleet, spec, until
from tests.gpu_node.foreign_models import folder_write, foreign_model
from tests.gpu_node.job_node import JobNode

__all__ = ["fleet", "spec"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400), pytest.mark.extra]


@pytest.fixture
def real_node(fleet: Fleet) -> JobNode:
    return fleet(1)[0]


def test_a_training_runs_from_the_queue_to_a_version_in_the_registry(real_node, spec, make_job) -> None:
    job = make_job(**spec)
    until(lambda: fresh(job).is_ended)
    assert status(job) == "succeeded", fresh(job).failure_message
    assert sorted(set(Metric.objects.values_list("step", flat=True))) == list(range(1, 9))
    assert list(Checkpoint.objects.order_by("step").values_list("step", flat=True)) == [4, 8]
    assert {checkpoint.state for checkpoint in Checkpoint.objects.all()} == {"committed"}
    last = Manifest.model_validate(Checkpoint.objects.get(step=8).manifest)
    assert pieces_lacking(last) == []
    version = checkpoint_register(job.id, 8)
    assert (version.job_id, version.step, version.parent.name) == (job.id, 8, "tiny")
    evaluation = make_job(kind="evaluate", model=f"{job.id}:8", families=["gcd"], num_problems=1)
    until(lambda: fresh(evaluation).is_ended)
    assert status(evaluation) == "succeeded", fresh(evaluation).failure_message
    report = EvalReport.objects.get(job_id=evaluation.id)
    assert (report.model_version_id, report.n, report.families) == (version.id, 1, ["gcd"])


def test_an_import_becomes_a_version_with_its_name_licence_and_source(real_node, spec, make_job) -> None:
    folder_write(real_node.state / "imports" / "Tiny-Chat", foreign_model())
    job = make_job(kind="import", source="folder", folder="Tiny-Chat")
    until(lambda: fresh(job).is_ended)
    assert status(job) == "succeeded", fresh(job).failure_message
    version = checkpoint_register(job.id, 1)
    assert (version.name, version.role, version.dtype) == ("tiny-chat", "reasoner", "float32")
    assert version.card["licence"] == "apache-2.0"
    assert version.card["source"]["name"] == "Tiny-Chat"


def test_pause_cancel_and_requeue_go_on_from_the_last_checkpoint(real_node, spec, make_job) -> None:
    job = make_job(**{**spec, "num_steps": 100_000, "checkpoint_steps": 20})
    until(lambda: fresh(job).step >= 5)
    job_pause(job.id, reason="lunch")
    until(lambda: status(job) == "paused")
    job_resume(job.id, reason="back")
    until(lambda: status(job) == "running")
    job_cancel(job.id, reason="enough")
    until(lambda: status(job) == "cancelled")
    kept = Checkpoint.objects.filter(committed_at__isnull=False).order_by("-step").first()
    assert kept.step >= 5
    job_requeue(job.id, reason="on")
    until(lambda: status(job) == "running")
    assert Attempt.objects.get(epoch=2).resumed_from_id == kept.id
    until(lambda: fresh(job).step > kept.step)
    job_cancel(job.id, reason="really enough")
    until(lambda: status(job) == "cancelled")


def test_a_killed_server_loses_nothing_and_a_killed_job_is_tried_again(real_node, spec, make_job) -> None:
    job = make_job(**{**spec, "num_steps": 100_000, "checkpoint_steps": 20})
    until(lambda: Checkpoint.objects.filter(committed_at__isnull=False).exists())
    real_node.kill()
    tick(nodes_probe(), follow_nodes(seconds_max=0), sweep_attempts())
    assert status(job) == "running"
    real_node.start()
    step = fresh(job).step
    until(lambda: fresh(job).step > step)
    assert fresh(job).epoch == 1
    (real_node.attempt(job.id) / "control").write_text("kill")
    until(lambda: fresh(job).epoch == 2 and fresh(job).status == "running")
    assert (fresh(job).retries_used, Attempt.objects.get(epoch=2).resumed_from_id is not None) == (0, True)
    job_cancel(job.id, reason="enough")
    until(lambda: status(job) == "cancelled")
