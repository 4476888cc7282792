"""The one door to Celery: wake-ups by task name, sent only after the transaction committed.

A lost message costs a sweep, never data: so a broker that is down is logged, not raised. Names are checked
against the worker's registered tasks by a test.
"""

from functools import lru_cache
from typing import Any

import structlog
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from backend.core.request_context import REQUEST_ID_HEADER, request_id_now

log = structlog.get_logger(__name__)

# Every task that is ever sent. The worker registers exactly these.
TASK_RUN_ADVANCE = "worker.run_advance"
TASK_RUNS_SWEEP = "worker.runs_sweep"
TASK_HOLDS_SWEEP = "worker.holds_sweep"
TASK_NODES_PROBE = "worker.nodes_probe"
TASK_LEDGER_CHECK = "worker.ledger_check"
TASK_PLACE_JOBS = "worker.place_jobs"
TASK_FOLLOW_NODES = "worker.follow_nodes"
TASK_SWEEP_ATTEMPTS = "worker.sweep_attempts"
TASK_GC_CHECKPOINTS = "worker.gc_checkpoints"
TASK_DEPLOYMENTS_ADVANCE = "worker.deployments_advance"
TASK_ALERTS_MAIL = "worker.alerts_mail"
TASK_AUTO_TOP_UP = "worker.auto_top_up"
TASK_BILLING_SWEEP = "worker.billing_sweep"
TASK_METER_SEND = "worker.meter_send"
TASK_RECONCILE = "worker.reconcile"
TASK_NAMES = frozenset(
    {
        TASK_RUN_ADVANCE,
        TASK_RUNS_SWEEP,
        TASK_HOLDS_SWEEP,
        TASK_NODES_PROBE,
        TASK_LEDGER_CHECK,
        TASK_PLACE_JOBS,
        TASK_FOLLOW_NODES,
        TASK_SWEEP_ATTEMPTS,
        TASK_GC_CHECKPOINTS,
        TASK_DEPLOYMENTS_ADVANCE,
        TASK_ALERTS_MAIL,
        TASK_AUTO_TOP_UP,
        TASK_BILLING_SWEEP,
        TASK_METER_SEND,
        TASK_RECONCILE,
    }
)

PUBLISH_TIMEOUT_SECONDS = 2  # a wake-up is not worth waiting longer for


@lru_cache(maxsize=1)
def _celery() -> Celery:
    app = Celery("svend", broker=settings.CELERY_BROKER_URL, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_timeout=PUBLISH_TIMEOUT_SECONDS,
        broker_transport_options={"socket_timeout": PUBLISH_TIMEOUT_SECONDS},
    )
    return app


def _send(task_name: str, args: tuple[Any, ...], request_id: str) -> None:
    try:
        _celery().send_task(task_name, args=args, headers={REQUEST_ID_HEADER: request_id}, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("queue.wake_up_lost", task=task_name, args=args, error=repr(error))


def enqueue(task_name: str, *args: Any) -> None:
    """Sends a wake-up after commit (at once outside a transaction)."""
    assert task_name in TASK_NAMES, f"unknown task {task_name!r}: add it to TASK_NAMES and to the worker"
    request_id = request_id_now()
    transaction.on_commit(lambda: _send(task_name, args, request_id))
