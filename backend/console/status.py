"""The operator's status page: each part of Svend, whether it works, since when not, and what to do.

Each line is asked now, with a bound of its own; a part that cannot be asked is failing, never left out. Reads only.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from backend.console.fleet import node_state
from backend.core.heartbeat import Beating, silent_seconds
from backend.core.queue import TASK_LEDGER_CHECK, enqueue
from backend.core.telemetry import telemetry_is_on
from backend.core.valkey import valkey
from backend.nodes.models import Node

State = Literal["ok", "late", "failing", "off"]

BEAT_LATE_SECONDS = 30.0  # the shortest tick is every 2 s, a worker's child may be busy for a while
BEAT_LOST_SECONDS = 120.0  # longer than any task may live
PROOF_LATE_SECONDS = 1_500.0  # two of its ticks, and the time that it takes
QUEUE_LATE_MESSAGES = 100  # ticks expire after 30 s, so a queue this long is not being read
DISK_FREE_BYTES_MIN = 1 << 30  # below it, the next checkpoint may not fit
GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class StatusLine:
    """One part. `said` is for people; `cure` is empty where nothing is to be done."""

    name: str
    state: State
    said: str
    cure: str = ""
    wall_ms: int = 0


def status_read() -> list[StatusLine]:
    parts: list[tuple[str, Callable[[], StatusLine]]] = [
        ("postgresql", _postgresql),
        ("valkey", _valkey),
        ("worker", lambda: _beating("worker", "start it: celery -A worker.app worker")),
        ("beat", lambda: _beating("beat", "start it, once: celery -A worker.app beat")),
        ("nodes", _nodes),
        ("proof", _proof),
        ("storage", _storage),
        ("mail", _mail),
        ("payments", _payments),
        ("tracing", _tracing),
    ]
    return [_timed(name, ask) for name, ask in parts]


def _timed(name: str, ask: Callable[[], StatusLine]) -> StatusLine:
    began = time.monotonic()
    try:
        line = ask()
    except (DatabaseFailure, RedisError, OSError) as error:
        cure = "look at its log and at DATABASE_URL, REDIS_URL" if name in ("postgresql", "valkey") else ""
        line = StatusLine(name=name, state="failing", said=f"{type(error).__name__}: {str(error)[:200]}", cure=cure)
    wall_ms = round((time.monotonic() - began) * 1000)
    return StatusLine(name=line.name, state=line.state, said=line.said, cure=line.cure, wall_ms=wall_ms)


def _postgresql() -> StatusLine:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int"
        )
        version, num_bytes, used, most = cursor.fetchone()
    said = f"{version.split()[0]}; {num_bytes / GIB:.2f} GiB; {used} of {most} connections"
    executor = MigrationExecutor(connection)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        first = missing[0][0]
        cure = "run: python manage.py migrate, as the tables' owner"
        said = f"{len(missing)} migrations are missing, first {first.app_label} {first.name}"
        return StatusLine(name="postgresql", state="failing", said=said, cure=cure)
    if used >= most - 3:  # PostgreSQL keeps three for superusers
        cure = "raise max_connections, or run fewer processes"
        return StatusLine(name="postgresql", state="late", said=said, cure=cure)
    return StatusLine(name="postgresql", state="ok", said=said)


def _valkey() -> StatusLine:
    client = valkey()
    info: Any = client.info()
    waiting = int(client.llen("celery"))
    used = int(info["used_memory"]) / (1 << 20)
    said = f"{info.get('valkey_version', info['redis_version'])}; {used:.1f} MiB; {waiting} wake-ups waiting"
    if waiting > QUEUE_LATE_MESSAGES:
        cure = "the worker does not keep up: look at its line, or start more of it"
        return StatusLine(name="valkey", state="late", said=said, cure=cure)
    return StatusLine(name="valkey", state="ok", said=said)


def _beating(name: Beating, cure: str) -> StatusLine:
    silent = silent_seconds(name)
    if silent is None:
        return StatusLine(name=name, state="failing", said="never seen", cure=cure)
    said = f"last seen {silent:.0f} s ago"
    if silent < BEAT_LATE_SECONDS:
        return StatusLine(name=name, state="ok", said=said)
    return StatusLine(name=name, state="late" if silent < BEAT_LOST_SECONDS else "failing", said=said, cure=cure)


def _nodes() -> StatusLine:
    states = [node_state(node) for node in Node.objects.all()]
    if not states:
        return StatusLine(name="nodes", state="failing", said="there is none", cure="add one on the page Nodes")
    counted = ", ".join(f"{states.count(state)} {state.replace('_', ' ')}" for state in sorted(set(states)))
    ready = states.count("ready")
    if ready == len(states):
        return StatusLine(name="nodes", state="ok", said=counted)
    cure = "the page Nodes says what each one lacks"
    return StatusLine(name="nodes", state="late" if ready else "failing", said=counted, cure=cure)


def _proof() -> StatusLine:
    """Of the worker's own check each ten minutes: it reads whole tables, so it is not repeated here."""
    silent = silent_seconds("proof")
    if silent is None:  # a fresh start: the tick would come within ten minutes, whoever looks wants it now
        enqueue(TASK_LEDGER_CHECK)
        return StatusLine(name="proof", state="late", said="not checked yet", cure="the worker was asked to, just now")
    said = f"all equalities held {silent / 60:.0f} min ago"
    if silent < PROOF_LATE_SECONDS:
        return StatusLine(name="proof", state="ok", said=said)
    return StatusLine(
        name="proof", state="failing", said=said, cure="open the page Money proof: it names the difference"
    )


def _storage() -> StatusLine:
    if settings.SVEND_ARTIFACTS.startswith("s3://"):
        return StatusLine(name="storage", state="ok", said=settings.SVEND_ARTIFACTS)
    folder = Path(settings.SVEND_DATA)
    while not folder.exists():  # made with the first file in it
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / GIB:.1f} GiB free for checkpoints and data files"
    if free < DISK_FREE_BYTES_MIN:
        cure = "free disk space, or name a bucket with SVEND_ARTIFACTS"
        return StatusLine(name="storage", state="late", said=said, cure=cure)
    return StatusLine(name="storage", state="ok", said=said)


def _mail() -> StatusLine:
    if settings.EMAIL_BACKEND.endswith("FileMail"):
        return StatusLine(name="mail", state="ok", said="kept as files; read them at /dev/mail")
    host = getattr(settings, "EMAIL_HOST", "")
    if not host or host == "localhost":
        cure = "set EMAIL_URL, as in smtp+tls://user:password@mail.example:587"
        return StatusLine(
            name="mail", state="off", said="no mail server is named: nobody can confirm an address", cure=cure
        )
    return StatusLine(name="mail", state="ok", said=f"sent by {host}")


def _payments() -> StatusLine:
    if not settings.STRIPE_API_KEY:
        cure = "set STRIPE_API_KEY and STRIPE_WEBHOOK_SECRETS to take money"
        return StatusLine(name="payments", state="off", said="no payments are taken", cure=cure)
    mode = "live money" if "_live_" in settings.STRIPE_API_KEY else "test cards only"
    return StatusLine(name="payments", state="ok", said=f"{mode}, by {settings.STRIPE_API_BASE}")


def _tracing() -> StatusLine:
    if telemetry_is_on():
        return StatusLine(name="tracing", state="ok", said="spans are sent to OpenTelemetry's collector")
    cure = "set OTEL_EXPORTER_OTLP_ENDPOINT to send spans"
    return StatusLine(name="tracing", state="off", said="no collector is named", cure=cure)
