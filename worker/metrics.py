"""What Prometheus reads of Celery: the worker's tasks, beat's ticks. Off unless SVEND_METRICS_PORT names a port.

The worker's children count into files under PROMETHEUS_MULTIPROC_DIR, its main process serves their sum; beat is one
process and serves its own. Both listen on SVEND_METRICS_HOST (loopback by default): nothing here asks for a secret.
Invariant: metrics never stop a task; what the environment sets wrong is told at the start.
"""

import os
import time
from typing import Any

from celery.signals import (
    beat_init,
    before_task_publish,
    task_failure,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_shutdown,
)
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from worker.metrics_folder import FOLDER

PORT = "SVEND_METRICS_PORT"
HOST = "SVEND_METRICS_HOST"
# Tasks end by 60 s; most ticks find nothing to do.
TASK_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45, 60)

task_seconds = Histogram(
    "svend_task_seconds", "A task from its start to its end", ["task"], buckets=TASK_BUCKETS_SECONDS
)
task_failures = Counter("svend_task_failures_total", "Tasks that raised", ["task", "error"])
beat_ticks = Counter("svend_beat_ticks_total", "Ticks that beat sent", ["task"])
beat_last_tick = Gauge("svend_beat_last_tick_timestamp_seconds", "When beat sent its last tick")

_began: dict[str, float] = {}  # task_id -> monotonic: one task a child, so one entry


@task_prerun.connect
def _task_began(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def _task_ended(task: Any, task_id: str, **_: Any) -> None:
    if (began := _began.pop(task_id, None)) is not None:
        task_seconds.labels(task.name).observe(time.monotonic() - began)


@task_failure.connect
def _task_failed(sender: Any, exception: BaseException, **_: Any) -> None:
    task_failures.labels(sender.name, type(exception).__name__).inc()


@worker_process_shutdown.connect
def _child_ended(pid: int, **_: Any) -> None:
    if FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


@worker_init.connect
def _worker_starts(**_: Any) -> None:
    if PORT not in os.environ:
        return
    folder = os.environ.get(FOLDER)
    if not folder:
        raise SystemExit(f"{PORT} is set, so {FOLDER} must name a folder for the children's counts")
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    _serve(registry)


@beat_init.connect
def _beat_starts(**_: Any) -> None:
    before_task_publish.connect(_ticked)
    if PORT in os.environ:
        _serve(REGISTRY)


def _ticked(sender: str, **_: Any) -> None:
    beat_ticks.labels(sender).inc()
    beat_last_tick.set_to_current_time()


def _serve(registry: CollectorRegistry) -> None:
    given = os.environ[PORT]
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise SystemExit(f"{PORT}={given!r} is no port: give a number from 1 to 65535")
    start_http_server(int(given), addr=os.environ.get(HOST, "127.0.0.1"), registry=registry)
