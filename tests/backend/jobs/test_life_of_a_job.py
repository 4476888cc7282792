"""A job from its making to its end, over real HTTP to a node that does as told."""

import itertools

import pytest

from backend.core.errors import ApplicationError
from backend.jobs.models import Attempt, Checkpoint, Job, JobEvent, Metric
from backend.jobs.services import Terms, job_cancel, job_clone, job_create, job_pause, job_requeue, job_resume
from gpu_node.protocol import job_frames as wire
from gpu_node.protocol.manifest import Manifest
from tests.backend.jobs.conftest import STARTED, follow, fresh, place, status, sweep, tick

pytestmark = pytest.mark.django_db(transaction=True)


def reasons(job: Job) -> list[tuple[str, str]]:
    return [(t.from_status, t.to_status) for t in job.transitions.order_by("id")]


def test_a_job_goes_from_the_queue_to_success_and_every_step_is_recorded(node, make_job) -> None:
    job = make_job()
    place()
    assert status(job) == "starting"
    node.emit(job.id, STARTED, wire.Metric(step=1, values={"loss": 2.5}, eta_seconds=9.0))
    follow()
    assert status(job) == "running"
    assert fresh(job).values == {"loss": 2.5}
    assert fresh(job).eta_seconds == 9.0
    node.emit(job.id, wire.Metric(step=2, values={"loss": 2.0}), wire.JobFinished(step=2, is_complete=True))
    follow()
    assert status(job) == "succeeded"
    chain = ["", "queued", "placing", "starting", "running", "stopping", "succeeded"]
    assert reasons(job) == list(itertools.pairwise(chain))
    assert all(transition.reason and transition.at for transition in job.transitions.all())
    assert list(Metric.objects.order_by("seq").values_list("step", "values")) == [
        (1, {"loss": 2.5}),
        (2, {"loss": 2.0}),
    ]


def test_frames_are_numbered_without_gaps_and_acknowledged(node, running) -> None:
    node.emit(running.id, *[wire.Log(text=f"line {n}") for n in range(5)])
    follow()
    follow()
    assert list(JobEvent.objects.order_by("seq").values_list("seq", "node_seq")) == [(n, n) for n in range(1, 7)]
    assert node.acked == 6


def test_the_same_frames_twice_change_nothing(node, running) -> None:
    node.emit(running.id, wire.Metric(step=1, values={"loss": 2.0}))
    follow()
    from backend.jobs.models import FollowCursor

    FollowCursor.objects.update(position=0)  # a reader died before it moved the cursor
    follow()
    assert JobEvent.objects.count() == 2
    assert Metric.objects.count() == 1


def test_making_a_job_twice_by_one_id_is_one_job(node, account) -> None:
    make = {"account_id": account.id, "created_by_id": None, "terms": Terms()}
    first, is_new = job_create(job_id="job_made12345", spec={"kind": "train"}, **make)
    again, is_new_again = job_create(job_id="job_made12345", spec={"kind": "train"}, **make)
    assert (is_new, is_new_again) == (True, False)
    assert first.id == again.id
    with pytest.raises(ApplicationError, match="another job"):
        job_create(job_id="job_made12345", spec={"kind": "train", "num_steps": 77}, **make)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "dance"}, "kind"),
        ({"kind": "train", "num_steps": 0}, "spec.num_steps: "),
        ({"kind": "train", "steps": 5}, "spec.steps: "),
        ({"kind": "train", "model_size": "9b"}, "spec.model_size: "),
        ({"kind": "train", "warmup_steps": 500}, "warmup_steps 500 must be below num_steps 200"),
        ({"kind": "train", "parent": "nothing"}, "There is no model 'nothing'"),
        ({"kind": "train", "parent": "job_aaaaaaaa:5"}, "There is no committed checkpoint"),
        ({"kind": "train", "data": {"source": "file"}}, "spec.data.file"),
        ({"kind": "evaluate", "model": "f" * 64}, "is not in the artifact store"),
    ],
)
def test_a_bad_spec_is_refused_with_the_field_and_nothing_is_made(node, account, spec, said) -> None:
    with pytest.raises(ApplicationError) as refused:
        job_create(job_id=None, account_id=account.id, created_by_id=None, spec=spec, terms=Terms())
    assert said in refused.value.message
    assert Job.objects.count() == 0


# --- Pause, resume, cancel


def test_pause_and_resume_hold_when_the_node_confirms(node, running) -> None:
    job_pause(running.id, reason="lunch")
    assert status(running) == "running"
    follow()
    assert node.attempt(running.id).calls[-1] == "pause"
    node.emit(running.id, wire.JobPaused())
    follow()
    assert status(running) == "paused"
    assert fresh(running).status_reason == "lunch"
    assert fresh(running).wish == ""
    job_resume(running.id, reason="back")
    follow()
    assert node.attempt(running.id).calls[-1] == "resume"
    node.emit(running.id, wire.JobResumed())
    follow()
    assert status(running) == "running"


def test_only_a_running_job_is_paused(node, make_job) -> None:
    job = make_job()
    with pytest.raises(ApplicationError, match="A job that is queued cannot be paused"):
        job_pause(job.id, reason="x")
    with pytest.raises(ApplicationError, match="cannot be resumed"):
        job_resume(job.id, reason="x")


def test_a_waiting_job_is_cancelled_at_once(node, make_job) -> None:
    job = make_job()
    job_cancel(job.id, reason="never mind")
    assert status(job) == "cancelled"
    place()
    assert not node.has_taken(job.id)


def test_a_running_job_is_cancelled_when_the_node_kept_its_last_checkpoint(node, running, store_door) -> None:
    job_cancel(running.id, reason="enough")
    assert status(running) == "stopping"
    follow()
    assert node.attempt(running.id).calls[-1] == "cancel"
    node.emit(running.id, node.checkpoint({"a": b"weights"}, step=7), wire.JobCancelled(step=7))
    follow()
    assert status(running) == "stopping"  # what it left is not stored yet
    assert node.upload(running.id, 7) == [201]
    follow()
    assert status(running) == "cancelled"
    assert fresh(running).status_reason == "enough"
    assert Checkpoint.objects.get().state == "committed"


def test_late_events_of_a_cancelled_job_are_refused(node, running) -> None:
    job_cancel(running.id, reason="enough")
    node.emit(running.id, wire.JobCancelled(step=3))
    follow()
    assert status(running) == "cancelled"
    before = JobEvent.objects.count()
    node.emit(running.id, wire.Metric(step=9, values={"loss": 0.1}), wire.JobFinished(step=9, is_complete=True))
    node.emit(running.id, node.checkpoint({"a": b"late"}, step=9))
    follow()
    assert status(running) == "cancelled"
    assert JobEvent.objects.count() == before
    assert Checkpoint.objects.count() == 0
    assert node.acked == len(node.journal)  # read, refused, and not kept for ever


def test_a_cancel_while_it_is_placed_holds(node, make_job) -> None:
    job = make_job()
    node.is_hanging.set()
    from backend.jobs.placement import jobs_choose
    from backend.nodes.services import nodes_probe

    node.is_hanging.clear()
    tick(nodes_probe())
    jobs_choose()
    assert status(job) == "placing"
    job_cancel(job.id, reason="changed my mind")
    place()
    assert status(job) == "stopping"
    follow()
    assert node.attempt(job.id).calls == ["put", "cancel"]


def test_a_cancelled_job_is_put_back_and_goes_on_from_its_last_checkpoint(node, running, store_door) -> None:
    node.emit(running.id, node.checkpoint({"a": b"weights at 7"}, step=7))
    follow()
    node.upload(running.id, 7)
    follow()
    job_cancel(running.id, reason="enough")
    node.emit(running.id, wire.JobCancelled(step=8))
    follow()
    job_requeue(running.id, reason="go on")
    place()
    order = node.attempt(running.id, 2).order
    assert order.inputs["resume"].manifest == Manifest.model_validate(Checkpoint.objects.get().manifest)
    assert Attempt.objects.get(epoch=2).resumed_from.step == 7


def test_a_clone_has_the_spec_with_the_changes(node, make_job) -> None:
    job = make_job(num_steps=300, data={"num_rows": 77}, terms={"priority": 3})
    clone, _ = job_clone(
        job.id,
        new_job_id=None,
        account_id=job.account_id,
        created_by_id=None,
        changes={"seed": 9, "data": {"num_rows": 88}},
        terms={},
    )
    assert clone.spec["num_steps"] == 300
    assert clone.spec["seed"] == 9
    assert clone.spec["data"]["num_rows"] == 88
    assert clone.spec["data"]["source"] == "families"
    assert (clone.priority, clone.cloned_from_id) == (3, job.id)


# --- Failures by cause


def failed(cause: str) -> wire.JobFailed:
    return wire.JobFailed(cause=cause, message=f"it was {cause}", cure="a cure")


@pytest.mark.parametrize("cause", ["out_of_memory", "non_finite_loss", "bad_data", "bad_spec", "bad_input"])
def test_what_another_try_cannot_cure_is_not_tried_again(node, make_job, cause) -> None:
    job = make_job(terms={"retries_max": 5})
    place()
    node.emit(job.id, STARTED, failed(cause))
    follow()
    job = fresh(job)
    assert (job.status, job.failure_cause, job.failure_cure) == ("failed", cause, "a cure")


def test_an_error_of_the_code_uses_up_the_users_retries(node, make_job) -> None:
    job = make_job(terms={"retries_max": 1})
    place()
    node.emit(job.id, STARTED, failed("code_error"))
    follow()
    assert (status(job), fresh(job).retries_used) == ("queued", 1)
    Job.objects.update(not_before=None)
    place()
    node.emit(job.id, failed("code_error"))
    follow()
    assert status(job) == "failed"


@pytest.mark.parametrize("cause", ["killed", "disk_full"])
def test_infrastructures_losses_are_not_charged_to_the_users_retries(node, make_job, cause) -> None:
    job = make_job()
    place()
    node.emit(job.id, STARTED, failed(cause))
    follow()
    job = fresh(job)
    assert (job.status, job.retries_used, job.losses) == ("queued", 0, 1)
    assert job.not_before is None  # the first time at once; afterwards it waits longer each time


def test_losses_without_progress_end(node, make_job) -> None:
    job = make_job()
    Job.objects.update(losses=10)
    place()
    node.emit(job.id, failed("killed"))
    follow()
    assert (status(job), fresh(job).failure_cause) == ("failed", "lost")


def test_a_job_waits_for_the_doorbell_no_longer_than_a_sweep(node, make_job) -> None:
    """A wiped Valkey loses wake-ups; the rows lead on."""
    from backend.core.valkey import valkey

    job = make_job()
    valkey().flushall()
    sweep()
    place()
    node.emit(job.id, STARTED, wire.JobFinished(step=100, is_complete=True))
    valkey().flushall()
    follow()
    assert status(job) == "succeeded"
