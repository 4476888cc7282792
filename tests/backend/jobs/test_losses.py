"""What is lost and what is not: nodes that go, come back, lie, hang; our own outages; zombies."""

import pytest
from django.utils import timezone

from backend.jobs.models import AttemptNode, Checkpoint, FollowCursor, Job, JobEvent
from backend.jobs.outcome import attempt_lost
from backend.jobs.reading import job_read
from backend.nodes.models import Node
from backend.nodes.services import nodes_probe
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.conftest import STARTED, follow, fresh, place, status, sweep, tick

pytestmark = pytest.mark.django_db(transaction=True)


def probed_ago(seconds: float) -> None:
    """As if the last probe was then."""
    Node.objects.update(probed_at=timezone.now() - timezone.timedelta(seconds=seconds))


def silence(node, *, probes: int, seconds: float = 10) -> None:
    node.stop()
    for _ in range(probes):
        probed_ago(seconds)
        sweep()


def test_a_node_is_lost_after_a_minute_of_failed_probes_and_the_job_goes_elsewhere(nodes, make_job) -> None:
    first = nodes("gpu-1")
    job = make_job()
    place()
    first.emit(job.id, STARTED)
    follow()
    second = nodes("gpu-2")
    tick(nodes_probe())
    silence(first, probes=5)
    assert status(job) == "running"
    assert job_read(job.id)["unreachable_node_names"] == ["gpu-1"]  # an overlay, no verdict
    silence(first, probes=1)
    assert (status(job), fresh(job).losses, fresh(job).retries_used) == ("queued", 1, 0)
    assert "did not answer for 60 seconds" in fresh(job).status_reason
    Job.objects.update(not_before=None)
    place()
    assert second.attempt(job.id).epoch == 2


def test_an_outage_of_our_own_stops_the_clock(node, running) -> None:
    """Three minutes without a prober, then a first probe that fails: that is ten seconds of silence, not 190."""
    silence(node, probes=1)
    silence(node, probes=1, seconds=180)
    silence(node, probes=2)
    assert status(running) == "running"
    assert Node.objects.get().silent_seconds < 60


def test_an_answer_resets_the_clock(node, running) -> None:
    silence(node, probes=4)
    node.start()
    sweep()
    assert Node.objects.get().silent_seconds == 0
    silence(node, probes=4)
    assert status(running) == "running"


def test_a_node_that_answers_without_the_job_has_lost_it(node, running) -> None:
    node.taken.clear()
    AttemptNode.objects.update(accepted_at=timezone.now() - timezone.timedelta(seconds=30))
    sweep()
    assert status(running) == "running"  # one look proves nothing
    AttemptNode.objects.update(missing_since=timezone.now() - timezone.timedelta(seconds=9))
    FollowCursor.objects.update(caught_up_at=timezone.now() - timezone.timedelta(seconds=20))
    sweep()
    assert status(running) == "running"  # its end may still be unread
    follow()
    sweep()
    assert status(running) == "queued"
    assert "does not have the job any more" in fresh(running).status_reason


def test_an_end_that_was_only_unread_is_no_loss(node, running) -> None:
    node.emit(running.id, wire.JobFinished(step=100, is_complete=True))
    AttemptNode.objects.update(accepted_at=timezone.now() - timezone.timedelta(seconds=30))
    sweep()
    AttemptNode.objects.update(missing_since=timezone.now() - timezone.timedelta(seconds=20))
    FollowCursor.objects.update(caught_up_at=timezone.now() - timezone.timedelta(seconds=30))
    sweep()
    follow()
    sweep()
    assert status(running) == "succeeded"


def test_a_zombies_frames_and_commits_of_an_old_epoch_are_refused(node, running, store_door) -> None:
    node.emit(running.id, node.checkpoint({"a": b"old"}, step=5))
    follow()  # it has its URLs
    attempt_lost(running.id, epoch=1, reason="a test says so")
    Job.objects.update(not_before=None)
    node.jobs_max = 2  # the zombie holds its place until it is stopped
    place()
    before = JobEvent.objects.count()
    assert node.upload(running.id, 5, epoch=1) == [201]  # the bytes may lie in the store
    node.emit(
        running.id, wire.Metric(step=50, values={"loss": 0.0}), wire.JobFinished(step=50, is_complete=True), epoch=1
    )
    follow()
    job = fresh(running)
    assert (job.status, job.epoch) == ("starting", 2)
    assert JobEvent.objects.count() == before
    assert Checkpoint.objects.get().committed_at is None  # but nothing of the old epoch is committed
    assert node.acked == len(node.journal)


def test_a_zombie_is_told_to_stop(node, running) -> None:
    attempt_lost(running.id, epoch=1, reason="a test says so")
    sweep()
    assert node.attempt(running.id, 1).calls == ["put", "cancel"]


def test_a_fresh_disk_is_read_from_its_start(node, running, make_job) -> None:
    node.emit(running.id, *[wire.Log(text="x")] * 5)
    follow()
    node.forget()
    attempt_lost(running.id, epoch=1, reason="its disk is new")
    Job.objects.update(not_before=None)
    place()
    node.emit(running.id, STARTED, wire.JobFinished(step=100, is_complete=True))
    follow()  # finds another journal
    follow()
    assert status(running) == "succeeded"
    assert FollowCursor.objects.get().journal_id == node.journal_id


def test_a_node_of_another_protocol_version_is_refused_in_one_sentence(node, make_job) -> None:
    node.info_changes = {"protocol_version": 2}
    job = make_job()
    place()
    assert status(job) == "queued"
    assert "speaks another protocol" in Node.objects.get().probe_error
    assert not node.has_taken(job.id)


def test_a_node_that_hangs_is_not_followed_and_breaks_nothing(node, running, monkeypatch) -> None:
    monkeypatch.setattr("backend.nodes.client.CALL_TIMEOUT_SECONDS", 0.2)
    node.is_hanging.set()
    tick(nodes_probe())
    follow()
    node.is_hanging.clear()
    assert status(running) == "running"


def test_one_reader_at_a_time(node, running) -> None:
    FollowCursor.objects.update(lease_owner="another", lease_until=timezone.now() + timezone.timedelta(seconds=9))
    node.emit(running.id, wire.Log(text="x"))
    follow()
    assert JobEvent.objects.count() == 1
    FollowCursor.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
    follow()
    assert JobEvent.objects.count() == 2


def test_a_value_that_is_no_number_leaves_a_gap_and_stops_nothing(node, running) -> None:
    node.emit(running.id, wire.Metric(step=1, values={"loss": float("nan"), "gradient_norm": 2.0}))
    node.emit(running.id, wire.Metric(step=2, values={"loss": 1.5}))
    follow()
    assert (fresh(running).step, fresh(running).values) == (2, {"loss": 1.5, "gradient_norm": 2.0})


def test_a_job_whose_frames_cannot_be_stored_does_not_hold_up_its_node(nodes, make_job) -> None:
    node = nodes(jobs_max=2)
    bad, good = make_job(), make_job()
    place()
    node.emit(bad.id, STARTED, wire.Metric(step=2**40, values={"loss": 1.0}))
    node.emit(good.id, STARTED, wire.JobFinished(step=100, is_complete=True))
    follow()
    assert (status(bad), status(good)) == ("queued", "succeeded")
    assert "cannot be stored" in fresh(bad).status_reason
    assert node.acked == len(node.journal)
