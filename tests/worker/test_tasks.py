"""The worker: names sent equal names registered, and a real worker process advances what nobody else does."""

from backend.core import queue


def test_names_sent_are_the_tasks_registered() -> None:
    from worker import tasks
    from worker.app import app

    assert tasks
    registered = {name for name in app.tasks if not name.startswith("celery.")}
    assert registered == queue.TASK_NAMES
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= registered


def test_no_task_outlives_its_limit() -> None:
    from worker.app import TASK_SECONDS_MAX, TASK_SECONDS_SOFT, VISIBILITY_SECONDS
    from worker.tasks import ADVANCE_SECONDS_MAX

    assert ADVANCE_SECONDS_MAX < TASK_SECONDS_SOFT < TASK_SECONDS_MAX < VISIBILITY_SECONDS
