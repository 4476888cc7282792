"""Every process of the product dies by SIGKILL while jobs run; each job ends once and right, and work goes on.

The seed decides who dies when: `CHAOS_SEED=7 pytest tests/chaos` repeats it, as far as a busy machine can. What was
measured is printed as JSON, and lies in docs/chaos.md; here only "never" fails, not "slow".
"""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from django.utils import timezone

from backend.jobs.models import Attempt, Checkpoint, Job, JobEvent
from backend.nodes.models import Node
from backend.nodes.services import LOST_AFTER
from tests.chaos.havoc import KINDS, RECOVERY_SECONDS_MAX, Havoc
from tests.chaos.stage import Stage, wait_until
from tests.chaos.work import Order, Work, all_ended, assert_right, interrupted, node_of, open_jobs, weights_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

SHORT_ROLES = ("train", "train", "endless", "not a number", "bad data", "train")
FULL_JOBS_MIN = 30
FULL_ROLES = ("train", "train", "not a number", "train", "generate", "train", "endless", "train", "bad data", "export")
DEATHS_MIN = 5  # of each kind
CHECKPOINTED = "job process of a training with a checkpoint"
DEATHS_ANYWHERE = 2  # of jobs' processes, whatever the job; the others interrupt a training that has a checkpoint
PAIR_CHANCE = 0.2  # that two die at once
QUEUE_MIN = 3  # so many jobs wait while processes die: there is always work to go on with
OUTAGE_SECONDS = 180.0
END_SECONDS_MAX = 600.0


def dice_made() -> random.Random:
    seed = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 1_000_000)
    print(f"CHAOS_SEED={seed}", flush=True)
    return random.Random(seed)


def assert_all_right(work: Work, *, reference: str) -> None:
    wait_until(lambda: all_ended(work.orders), seconds=END_SECONDS_MAX, what=open_jobs)
    for order in work.orders:
        assert_right(order, reference=reference)


def wait_running(order: Order) -> None:
    def is_running() -> bool:
        return Job.objects.filter(id=order.id, status="running", step__gt=0).exists()

    wait_until(is_running, seconds=RECOVERY_SECONDS_MAX, what=open_jobs)


@pytest.mark.timeout(600)
def test_six_jobs_end_once_and_right_while_each_process_is_killed_once(stage: Stage, tmp_path: Path) -> None:
    havoc = Havoc(stage, dice_made())
    work = Work(stage, tmp_path / "inputs", num_steps=200, checkpoint_steps=40)
    orders = [work.one(role) for role in SHORT_ROLES]
    kinds = [kind for kind in KINDS if kind != "job process"]
    havoc.dice.shuffle(kinds)
    havoc.kill(CHECKPOINTED, *kinds[:3])
    havoc.kill(*kinds[3:])
    wait_running(orders[2])
    work.cancel(orders[2])
    wait_until(lambda: all_ended(work.orders), seconds=END_SECONDS_MAX, what=open_jobs)
    (alone,) = {weights_of(order.id) for order in work.orders if order.role == "train"}
    assert_all_right(work, reference=alone)
    assert interrupted(work.orders) >= 1
    print(json.dumps(havoc.report()))


@pytest.mark.extra
@pytest.mark.timeout(3600)
def test_thirty_jobs_end_once_and_right_while_each_process_is_killed_five_times(stage: Stage, tmp_path: Path) -> None:
    started = time.monotonic()
    havoc = Havoc(stage, dice_made())
    work = Work(stage, tmp_path / "inputs", num_steps=400, checkpoint_steps=50)
    first = work.train("left alone")
    wait_until(lambda: all_ended([first]), seconds=RECOVERY_SECONDS_MAX, what=open_jobs)
    reference = weights_of(first.id)
    while len(work.orders) < FULL_JOBS_MIN:
        work.one(FULL_ROLES[len(work.orders) % len(FULL_ROLES)])
    endless = [order for order in work.orders if order.role == "endless"]
    wiped_after = havoc.dice.randrange(DEATHS_MIN)
    while short_of := [kind for kind in KINDS if havoc.count(kind) < DEATHS_MIN]:
        kinds = havoc.dice.sample(short_of, 2 if len(short_of) > 1 and havoc.dice.random() < PAIR_CHANCE else 1)
        named = {"Valkey": "Valkey wiped"} if havoc.count("Valkey") == wiped_after else {}
        if havoc.count("job process") >= DEATHS_ANYWHERE:
            named["job process"] = CHECKPOINTED
        havoc.kill(*(named.get(kind, kind) for kind in kinds))
        if Job.objects.filter(status="queued").count() < QUEUE_MIN:
            work.train()
        for order in endless:
            if order.status != "cancelled" and Job.objects.filter(id=order.id, status="running", step__gt=0).exists():
                work.cancel(order)
        time.sleep(havoc.dice.random() * 4)
    for order in endless:
        if order.status != "cancelled":
            work.cancel(order)
    assert_all_right(work, reference=reference)
    assert interrupted(work.orders) >= 2
    summary = {"jobs": len(work.orders), "interrupted_trainings": interrupted(work.orders)}
    print(json.dumps({**summary, "seconds": round(time.monotonic() - started), "recovery": havoc.report()}))


@pytest.mark.extra
@pytest.mark.timeout(900)
def test_three_minutes_without_a_control_plane_kill_no_job(stage: Stage, tmp_path: Path) -> None:
    work = Work(stage, tmp_path / "inputs", num_steps=600, checkpoint_steps=100)
    orders = [work.endless(), work.endless()]
    for order in orders:
        wait_running(order)
    steps = dict(Job.objects.values_list("id", "step"))
    processes = sorted(process.pid for process in stage.job_processes())
    stage.control_stop()
    time.sleep(OUTAGE_SECONDS)
    assert sorted(process.pid for process in stage.job_processes()) == processes
    back_at = timezone.now()
    stage.control_start()
    ids = [order.id for order in orders]
    seconds = wait_until(
        lambda: all(JobEvent.objects.filter(job=job_id, at__gt=back_at).exists() for job_id in ids),
        seconds=RECOVERY_SECONDS_MAX,
        what=open_jobs,
    )
    assert set(Job.objects.values_list("status", "epoch")) == {("running", 1)}
    assert all(job.step > steps[job.id] for job in Job.objects.all())
    assert sorted(process.pid for process in stage.job_processes()) == processes
    for order in orders:
        work.cancel(order)
    assert_all_right(work, reference="")
    for job in Job.objects.all():  # a cancelled job keeps its last checkpoint
        assert Checkpoint.objects.filter(job=job, step=job.step, committed_at__isnull=False).exists()
    print(json.dumps({"outage_seconds": OUTAGE_SECONDS, "caught_up_after_seconds": round(seconds, 1)}))


@pytest.mark.extra
@pytest.mark.timeout(900)
def test_a_node_that_stood_still_until_it_was_declared_lost_cannot_write(stage: Stage, tmp_path: Path) -> None:
    work = Work(stage, tmp_path / "inputs", num_steps=600, checkpoint_steps=100)
    first = work.train("left alone")
    wait_until(lambda: all_ended([first]), seconds=END_SECONDS_MAX, what=open_jobs)
    second = work.train()  # the other node is free
    is_resumable = Checkpoint.objects.filter(job=second.id, committed_at__isnull=False).exists
    wait_until(is_resumable, seconds=RECOVERY_SECONDS_MAX, what=open_jobs)
    asleep = node_of(second.id)
    stopped_at = time.monotonic()
    stage.node_signal(asleep, signal.SIGSTOP)
    try:
        wait_until(
            lambda: Attempt.objects.filter(job=second.id, epoch=1, outcome="lost").exists(),
            seconds=LOST_AFTER.total_seconds() + RECOVERY_SECONDS_MAX,
            what=open_jobs,
        )
        lost_after = time.monotonic() - stopped_at
        old = Attempt.objects.get(job=second.id, epoch=1)
        num_events, committed = old.events.count(), _committed(old)
        wait_until(
            lambda: JobEvent.objects.filter(job=second.id, attempt__epoch=2, type="job.started").exists(),
            seconds=END_SECONDS_MAX,
            what=open_jobs,
        )
        again_after = time.monotonic() - stopped_at
        assert node_of(second.id) != asleep
    finally:
        stage.node_signal(asleep, signal.SIGCONT)
    woke_at = timezone.now()
    # The zombie is found and told to stop: its process leaves, its frames and its last checkpoint are nobody's.
    wait_until(
        lambda: not [p for p in stage.job_processes() if (p.job_id, p.epoch) == (second.id, 1)],
        seconds=RECOVERY_SECONDS_MAX,
    )
    wait_until(
        lambda: Node.objects.filter(name=asleep, probe_error="", seen_at__gt=woke_at).exists(),
        seconds=RECOVERY_SECONDS_MAX,
    )
    assert_all_right(work, reference=weights_of(first.id))
    assert (old.events.count(), _committed(old)) == (num_events, committed)
    refused = [line for line in stage.log("worker").splitlines() if "job.frame_refused" in line and second.id in line]
    assert refused, "it wrote nothing that had to be refused: the test proves nothing"
    print(
        json.dumps({"lost_after_seconds": round(lost_after, 1), "began_elsewhere_after_seconds": round(again_after, 1)})
    )


def _committed(attempt: Attempt) -> list[int]:
    return list(attempt.checkpoints.filter(committed_at__isnull=False).order_by("step").values_list("step", flat=True))
