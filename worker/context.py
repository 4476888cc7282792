"""What surrounds each task: its log lines stand under the id of the request that woke it (a tick's under its own), the
worker and beat leave a sign of life, tracing starts in each child by itself: a sending thread survives no fork."""

from typing import Any

from celery.signals import beat_init, before_task_publish, task_postrun, task_prerun, worker_process_init
from structlog.contextvars import clear_contextvars

from backend.core.heartbeat import heartbeat
from backend.core.request_context import REQUEST_ID_HEADER, request_id_begin
from backend.core.telemetry import telemetry_start


@task_prerun.connect
def task_begins(task: Any, task_id: str, **_: Any) -> None:
    headers = task.request.headers or {}
    request_id_begin(headers.get(REQUEST_ID_HEADER) or task_id, task=task.name)


@task_postrun.connect
def task_ended(**_: Any) -> None:
    clear_contextvars()
    heartbeat("worker")


@worker_process_init.connect(weak=False)
def child_begins(**_: Any) -> None:
    telemetry_start("svend-worker")


@beat_init.connect(weak=False)
def beat_begins(**_: Any) -> None:
    before_task_publish.connect(lambda **_: heartbeat("beat"), weak=False)
