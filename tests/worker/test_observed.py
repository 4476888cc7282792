"""The worker and beat as real processes: what Prometheus reads of them, and whose request a task's lines belong to."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import clear_contextvars, get_contextvars

from backend.core import queue
from backend.core.request_context import REQUEST_ID_HEADER, request_id_begin
from backend.local import services

WAIT_SECONDS = 60.0
BEAT_FIRST_SECONDS = 2.0  # the shortest tick


def _until(found: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not found():
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


def _sample(port: int, name: str, **labels: str) -> float:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx.ConnectError:
        return 0.0
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return sum(s.value for s in samples if s.name == name and s.labels.items() >= labels.items())


@pytest.mark.django_db(transaction=True)
def test_a_task_runs_under_its_requests_id_and_is_counted(tmp_path: Path, settings) -> None:
    port, log = services.port_free(), tmp_path / "worker.log"
    env = {**os.environ, "SVEND_METRICS_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts")}
    env |= {"DATABASE_URL": _database_url(), "SVEND_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with log.open("wb") as file:
        worker = subprocess.Popen([*command, "--without-mingle", "--without-gossip"], env=env, stderr=file, stdout=file)
    try:
        request_id_begin("req_worker_test")
        queue.enqueue(queue.TASK_RUN_ADVANCE, "run_of_nobody")
        clear_contextvars()
        _until(lambda: _sample(port, "svend_task_seconds_count", task=queue.TASK_RUN_ADVANCE) >= 1, worker, log)
    finally:
        worker.terminate()
        worker.wait(WAIT_SECONDS)
    (line,) = [line for line in log.read_text().splitlines() if "worker.run_advance" in line and "succeeded" in line]
    assert "req_worker_test" in line


def _database_url() -> str:
    from django.db import connection

    found = connection.settings_dict
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def test_beat_tells_when_it_last_ticked(tmp_path: Path) -> None:
    port, log = services.port_free(), tmp_path / "beat.log"
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "beat", "--pidfile="]
    with log.open("wb") as file:
        beat = subprocess.Popen(
            [*command, "--schedule", str(tmp_path / "schedule")],
            env={**os.environ, "SVEND_METRICS_PORT": str(port)},
            stderr=file,
            stdout=file,
        )
    try:
        _until(lambda: _sample(port, "svend_beat_ticks_total", task=queue.TASK_FOLLOW_NODES) >= 1, beat, log)
        assert abs(time.time() - _sample(port, "svend_beat_last_tick_timestamp_seconds")) < WAIT_SECONDS
    finally:
        beat.terminate()
        beat.wait(WAIT_SECONDS)


def test_a_task_binds_its_senders_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import context, tasks

    assert context  # its signals are connected
    seen: list[object] = []
    monkeypatch.setattr(tasks, "alerts_mail", lambda: seen.append(get_contextvars().get("request_id")))
    tasks.mail_alerts.apply(headers={REQUEST_ID_HEADER: "req_42"})
    tasks.mail_alerts.apply(task_id="a-ticks-own-id")
    assert seen == ["req_42", "a-ticks-own-id"]
    assert not get_contextvars()


@pytest.mark.parametrize("given", ["http", "0", "70000"])
def test_a_port_that_is_none_ends_the_start(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import metrics

    monkeypatch.setenv(metrics.PORT, given)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    with pytest.raises(SystemExit, match="is no port"):
        metrics._beat_starts()
