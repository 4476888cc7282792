"""Puts a task's log lines under the id of the request that woke it; a tick's under the task's own id."""

from typing import Any

from celery import Task
from celery.signals import task_postrun, task_prerun
from structlog.contextvars import clear_contextvars

from backend.core.request_context import REQUEST_ID_HEADER, request_id_begin


@task_prerun.connect
def task_begins(task: Task, task_id: str, **_: Any) -> None:
    headers = task.request.headers or {}
    request_id_begin(headers.get(REQUEST_ID_HEADER) or task_id, task=task.name)


@task_postrun.connect
def task_ended(**_: Any) -> None:
    clear_contextvars()
