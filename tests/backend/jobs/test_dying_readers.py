"""Readers that die at the worst places, between a page's rows and its cursor; each job ends once, right.

On scripted nodes, because the places are chosen; real processes die in tests/chaos.
"""

import random

import pytest
from django.utils import timezone

from backend.jobs import append, follow
from backend.jobs.models import Attempt, FollowCursor, Job, JobEvent
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.conftest import STARTED, fresh, place, status, sweep, tick

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

JOBS = 6
STEPS = 4


class Died(BaseException):
    """A process that is killed runs no handler of ours."""


def follow_and_die(monkeypatch: pytest.MonkeyPatch, dice: random.Random) -> None:
    """A tick whose process is killed before, in, or after the appending; or that lives."""
    where = dice.choice(["nowhere", "before", "after"])
    whole = append.frames_append

    def appended(*args: object) -> int:
        if where == "before":
            raise Died
        done = whole(*args)  # type: ignore[arg-type]
        if where == "after":
            raise Died
        return done

    with monkeypatch.context() as patched:
        patched.setattr(follow, "frames_append", appended)
        try:
            tick(follow.follow_nodes(seconds_max=0, idle_seconds=0))
        except Died:
            pass
    FollowCursor.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))  # its lease runs out
    Job.objects.update(not_before=None)


def work(node, dice: random.Random) -> None:
    """The node goes on with what it has: a step, an end, or a death of the process."""
    for attempt in list(node.taken.values()):
        if attempt.state == "over":
            continue
        step = sum(1 for f in node.journal if (f.job_id, f.epoch) == (attempt.job_id, attempt.epoch))
        if step == 0:
            node.emit(attempt.job_id, STARTED, epoch=attempt.epoch)
        elif dice.random() < 0.15:
            node.emit(attempt.job_id, wire.JobFailed(cause="killed", message="signal 9"), epoch=attempt.epoch)
        elif step > STEPS:
            node.emit(attempt.job_id, wire.JobFinished(step=STEPS, is_complete=True), epoch=attempt.epoch)
        else:
            node.emit(attempt.job_id, wire.Metric(step=step, values={"loss": 1 / step}), epoch=attempt.epoch)


def test_every_job_ends_once_and_right_wherever_its_reader_dies(nodes, make_job, monkeypatch) -> None:
    dice = random.Random(1)
    both = [nodes("gpu-1", jobs_max=2), nodes("gpu-2", jobs_max=2)]
    jobs = [make_job() for _ in range(JOBS)]
    for _ in range(80):
        place()
        for node in both:
            work(node, dice)
        if dice.random() < 0.2:
            victim = dice.choice(both)
            victim.stop()  # the server; what ran there goes on, and its journal stays
            follow_and_die(monkeypatch, dice)
            victim.start()
        follow_and_die(monkeypatch, dice)
        sweep()
        if all(fresh(job).is_ended for job in jobs):
            break
    assert [status(job) for job in jobs] == ["succeeded"] * JOBS
    for job in jobs:
        seqs = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1))
        assert Attempt.objects.filter(job=job, outcome="finished").count() == 1
        assert not Attempt.objects.filter(job=job, ended_at__isnull=True).exists()
        assert fresh(job).retries_used == 0
