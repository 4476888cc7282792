"""The jobs' ticks as the worker runs them: a job from the queue to its end by nothing but tasks."""

import pytest

from backend.jobs.schedules import schedule_create
from gpu_node.protocol import job_frames as wire
from tests.backend.conftest import account, alice  # noqa: F401  (the cast)
from tests.backend.jobs.conftest import STARTED, make_job, node, nodes, status  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def test_ticks_alone_take_a_job_from_the_queue_to_its_end(node, make_job, account) -> None:  # noqa: F811
    from worker import tasks

    job = make_job()
    tasks.probe_nodes()
    tasks.place_jobs()
    assert status(job) == "starting"
    node.emit(job.id, STARTED, wire.JobFinished(step=100, is_complete=True))
    tasks.follow_nodes()
    assert status(job) == "succeeded"
    tasks.sweep_attempts()
    tasks.gc_checkpoints()
    schedule_create(account_id=account.id, name="due", spec={"kind": "generate"}, every_seconds=60)
    tasks.place_jobs()
    assert any(attempt.order.spec.kind == "generate" for attempt in node.taken.values())


def test_every_tick_is_on_beats_list() -> None:
    from backend.core import queue
    from worker.app import app

    ticks = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert ticks == queue.TASK_NAMES - {queue.TASK_RUN_ADVANCE, queue.TASK_AUTO_TOP_UP}
