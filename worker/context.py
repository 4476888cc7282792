"""Puts a task's log lines under the id of the request that woke it; a tick's under the task's own id. Starts the
worker's tracing, in each child by itself: a thread that sends spans does not survive a fork."""

from typing import Any

from celery.signals import task_postrun, task_prerun, worker_process_init
from structlog.contextvars import clear_contextvars

from backend.core.request_context import REQUEST_ID_HEADER, request_id_begin
from backend.core.telemetry import telemetry_start


@task_prerun.connect
def task_begins(task: Any, task_id: str, **_: Any) -> None:
    headers = task.request.headers or {}
    request_id_begin(headers.get(REQUEST_ID_HEADER) or task_id, task=task.name)


@task_postrun.connect
def task_ended(**_: Any) -> None:
    clear_contextvars()


@worker_process_init.connect(weak=False)
def child_begins(**_: Any) -> None:
    telemetry_start("svend-worker")
