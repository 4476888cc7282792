"""Checkpoints: committed only when verified in the store; the node reads and writes by signed URLs; retention."""

import hashlib

import pytest

from backend.core.artifacts import piece_store, signed_for_reading
from backend.jobs import checkpoints
from backend.jobs.checkpoints import gc_checkpoints
from backend.jobs.models import Checkpoint, Job
from backend.jobs.reading import checkpoints_read
from backend.model_registry.models import ModelVersion
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.conftest import STARTED, follow, fresh, place, status

pytestmark = pytest.mark.django_db(transaction=True)


def left(node, job: Job, step: int, text: bytes, loss: float | None = None) -> None:
    """The node leaves a checkpoint, uploads it, and it is committed."""
    if loss is not None:
        node.emit(job.id, wire.Metric(step=step, values={"loss": loss}))
    node.emit(job.id, node.checkpoint({"model.safetensors": text, "config.json": b"{}"}, step=step))
    follow()
    node.upload(job.id, step)
    follow()


def test_a_checkpoint_is_committed_when_its_pieces_lie_verified_in_the_store(node, running, store_door) -> None:
    node.emit(running.id, node.checkpoint({"model.safetensors": b"weights"}, step=5))
    follow()
    assert Checkpoint.objects.get().state == "uploading"
    assert node.upload(running.id, 5) == [201]
    follow()
    assert Checkpoint.objects.get().state == "committed"
    assert piece_store().read(hashlib.sha256(b"weights").hexdigest()) == b"weights"


def test_pieces_that_the_store_has_are_not_asked_for_again(node, running, store_door) -> None:
    left(node, running, 5, b"weights at 5")
    node.emit(running.id, node.checkpoint({"model.safetensors": b"weights at 6", "config.json": b"{}"}, step=6))
    follow()
    assert list(node.attempt(running.id).uploads[-1].urls) == [hashlib.sha256(b"weights at 6").hexdigest()]


def test_a_node_that_says_uploaded_but_did_not_is_asked_again(node, running, store_door) -> None:
    checkpoint = node.checkpoint({"a": b"weights"}, step=5)
    node.emit(running.id, checkpoint)
    follow()
    node.emit(running.id, wire.CheckpointUploaded(step=5, manifest_sha256=checkpoint.manifest.sha256))
    follow()
    assert Checkpoint.objects.get().state == "uploading"
    follow()
    assert len(node.attempt(running.id).uploads) == 2
    node.upload(running.id, 5)
    follow()
    assert Checkpoint.objects.get().state == "committed"


def test_a_flipped_byte_is_refused_at_the_door(node, running, store_door) -> None:
    node.emit(running.id, node.checkpoint({"a": b"weights"}, step=5))
    follow()
    assert node.upload(running.id, 5, spoil=True) == [400]
    follow()
    assert Checkpoint.objects.get().state == "uploading"
    assert not piece_store().has(hashlib.sha256(b"weights").hexdigest(), 7)


def test_the_last_two_the_best_and_the_promoted_stay(node, running, store_door, monkeypatch) -> None:
    losses = {1: 3.0, 2: 0.5, 3: 2.0, 4: 1.9, 5: 1.8, 6: 1.7}
    for step, loss in losses.items():
        left(node, running, step, f"weights {step}".encode(), loss)
    promoted = Checkpoint.objects.get(step=3)
    ModelVersion.objects.create(
        name="m",
        role="reasoner",
        context_tokens=1,
        num_parameters=1,
        vocab_size=1,
        manifest_sha256=promoted.manifest_sha256,
    )
    monkeypatch.setattr(checkpoints, "PIECE_AGE_MIN", checkpoints.timedelta(seconds=-1))
    assert gc_checkpoints()["checkpoints"] == 2
    kept = {row["step"]: row["keep_reasons"] for row in checkpoints_read(running.id) if row["state"] == "committed"}
    assert kept == {2: ["best"], 3: ["promoted"], 5: ["last"], 6: ["last"]}
    for step in losses:
        data = f"weights {step}".encode()
        assert piece_store().has(hashlib.sha256(data).hexdigest(), len(data)) == (step in kept)
    assert piece_store().has(hashlib.sha256(b"{}").hexdigest(), 2)  # shared with those that stay
    assert gc_checkpoints() == {"checkpoints": 0, "pieces": 0}


def test_a_checkpoint_that_a_waiting_job_names_stays(node, running, store_door, make_job) -> None:
    for step in (1, 2, 3, 4):
        left(node, running, step, f"weights {step}".encode())
    make_job(parent=f"{running.id}:1")
    gc_checkpoints()
    states = {row["step"]: row["state"] for row in checkpoints_read(running.id)}
    assert states == {1: "committed", 2: "pruned", 3: "committed", 4: "committed"}


def test_a_young_piece_without_a_row_stays(store_door) -> None:
    sha256 = piece_store().write(b"on its way")
    assert gc_checkpoints()["pieces"] == 0
    assert piece_store().has(sha256, 10)


def test_what_the_node_dropped_is_not_waited_for(node, running, store_door) -> None:
    checkpoint = node.checkpoint({"a": b"trimmed meanwhile"}, step=90)
    node.emit(running.id, checkpoint, wire.JobFinished(step=100, is_complete=True))
    follow()
    assert status(running) == "stopping"
    dropped = wire.CheckpointDropped(step=90, manifest_sha256=checkpoint.manifest.sha256, reason="its folder is gone")
    node.emit(running.id, dropped)
    follow()
    assert status(running) == "succeeded"
    assert Checkpoint.objects.get().refused_reason == "its folder is gone"


def test_success_waits_for_the_last_checkpoint(node, running, store_door) -> None:
    node.emit(running.id, node.checkpoint({"a": b"last"}, step=100), wire.JobFinished(step=100, is_complete=True))
    follow()
    assert status(running) == "stopping"
    node.upload(running.id, 100)
    follow()
    assert status(running) == "succeeded"


def test_a_node_that_will_not_upload_does_not_hold_success_up(node, running) -> None:
    node.emit(running.id, node.checkpoint({"a": b"last"}, step=100), wire.JobFinished(step=100, is_complete=True))
    node.taken.clear()
    follow()
    assert Checkpoint.objects.get().state == "refused"
    follow()
    assert status(running) == "succeeded"


def test_progress_forgives_losses(node, running, store_door) -> None:
    Job.objects.update(losses=4)
    left(node, running, 5, b"x")
    assert fresh(running).losses == 0


def test_inputs_reach_the_node_as_urls_that_it_can_get(node, running, store_door, make_job) -> None:
    import urllib.request

    left(node, running, 5, b"weights")
    node.emit(running.id, wire.JobFinished(step=5, is_complete=True))
    follow()
    child = make_job(parent=f"{running.id}:5")
    place()
    signed = node.attempt(child.id).order.inputs["parent"]
    sha256 = hashlib.sha256(b"weights").hexdigest()
    with urllib.request.urlopen(signed.urls[sha256]) as response:
        assert response.read() == b"weights"
    assert signed_for_reading(signed.manifest).manifest == signed.manifest
    node.emit(child.id, STARTED)


def test_a_checkpoint_moves_through_a_bucket_by_presigned_urls(node, running, bucket, make_job) -> None:
    """Node -> S3 -> other job's node; nobody but us holds a credential."""
    import urllib.request

    node.emit(running.id, node.checkpoint({"model.safetensors": b"weights"}, step=5))
    follow()
    assert node.upload(running.id, 5, spoil=True) == [200]  # a bucket takes anything
    follow()
    assert Checkpoint.objects.get().state == "uploading"  # but what is wrong is not committed
    follow()
    assert node.upload(running.id, 5) == [200]
    follow()
    assert Checkpoint.objects.get().state == "committed"
    node.emit(running.id, wire.JobFinished(step=5, is_complete=True))
    follow()
    child = make_job(parent=f"{running.id}:5")
    place()
    url = node.attempt(child.id).order.inputs["parent"].urls[hashlib.sha256(b"weights").hexdigest()]
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"weights"
