"""The Celery application: settings, and beat's fixed list of ticks.

A message is only a wake-up, so everything here favours "again" over "at most once": late acks, a task of a killed
child comes back, a message nobody acknowledged returns after `visibility_timeout`. No task carries an ETA or a
retry countdown; due times are columns, and the ticks below find them.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from worker.metrics_folder import metrics_folder_clear

metrics_folder_clear()

import django  # noqa: E402

django.setup()

from celery import Celery  # noqa: E402
from django.conf import settings  # noqa: E402
from kombu.transport import TRANSPORT_ALIASES  # noqa: E402

from backend.core.queue import (  # noqa: E402
    TASK_ALERTS_MAIL,
    TASK_BILLING_SWEEP,
    TASK_DEPLOYMENTS_ADVANCE,
    TASK_FOLLOW_NODES,
    TASK_GC_CHECKPOINTS,
    TASK_HOLDS_SWEEP,
    TASK_LEDGER_CHECK,
    TASK_METER_SEND,
    TASK_NODES_PROBE,
    TASK_PLACE_JOBS,
    TASK_RECONCILE,
    TASK_RUNS_SWEEP,
    TASK_SWEEP_ATTEMPTS,
)

TASK_SECONDS_MAX = 60  # hard limit: what is longer belongs in a row and the next tick
TASK_SECONDS_SOFT = 55
# A message unacknowledged this long is delivered again: well over the longest task, well under an hour's silence.
VISIBILITY_SECONDS = 300

RUNS_SWEEP_SECONDS = 5.0
HOLDS_SWEEP_SECONDS = 30.0
NODES_PROBE_SECONDS = 10.0
DEPLOYMENTS_ADVANCE_SECONDS = 5.0
ALERTS_MAIL_SECONDS = 10.0
LEDGER_CHECK_SECONDS = 600.0  # it reads whole tables
PLACE_JOBS_SECONDS = 5.0  # a doorbell comes first; this is for what is due, and for doorbells that were lost
FOLLOW_NODES_SECONDS = 2.0  # a tick follows for 20 s; the ticks between find every journal taken and go home
SWEEP_ATTEMPTS_SECONDS = 5.0
GC_CHECKPOINTS_SECONDS = 300.0
BILLING_SWEEP_SECONDS = 30.0  # a doorbell or a webhook comes first; this is for those that were lost
METER_SEND_SECONDS = 60.0  # batches are hourly; between them it finds nothing due
RECONCILE_SECONDS = 3_600.0  # promised nightly; a difference is better known within the hour

# A tick that waited this long is stale: the next one is due. So ticks never pile up behind a busy worker.
_TICK = {"expires": 30}

TRANSPORT_ALIASES.update({"redis": "worker.broker:Transport", "rediss": "worker.broker:Transport"})

app = Celery("svend", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    include=["worker.tasks", "worker.context", "worker.metrics"],
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=TASK_SECONDS_MAX,
    task_soft_time_limit=TASK_SECONDS_SOFT,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        # The default sweep of unacknowledged messages waits 100 s more.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    },
    beat_schedule={
        "runs_sweep": {"task": TASK_RUNS_SWEEP, "schedule": RUNS_SWEEP_SECONDS, "options": _TICK},
        "holds_sweep": {"task": TASK_HOLDS_SWEEP, "schedule": HOLDS_SWEEP_SECONDS, "options": _TICK},
        "alerts_mail": {"task": TASK_ALERTS_MAIL, "schedule": ALERTS_MAIL_SECONDS, "options": _TICK},
        "ledger_check": {"task": TASK_LEDGER_CHECK, "schedule": LEDGER_CHECK_SECONDS, "options": _TICK},
        "deployments_advance": {
            "task": TASK_DEPLOYMENTS_ADVANCE,
            "schedule": DEPLOYMENTS_ADVANCE_SECONDS,
            "options": _TICK,
        },
        "nodes_probe": {"task": TASK_NODES_PROBE, "schedule": NODES_PROBE_SECONDS, "options": _TICK},
        "place_jobs": {"task": TASK_PLACE_JOBS, "schedule": PLACE_JOBS_SECONDS, "options": _TICK},
        "follow_nodes": {"task": TASK_FOLLOW_NODES, "schedule": FOLLOW_NODES_SECONDS, "options": _TICK},
        "sweep_attempts": {"task": TASK_SWEEP_ATTEMPTS, "schedule": SWEEP_ATTEMPTS_SECONDS, "options": _TICK},
        "gc_checkpoints": {"task": TASK_GC_CHECKPOINTS, "schedule": GC_CHECKPOINTS_SECONDS, "options": _TICK},
        "billing_sweep": {"task": TASK_BILLING_SWEEP, "schedule": BILLING_SWEEP_SECONDS, "options": _TICK},
        "meter_send": {"task": TASK_METER_SEND, "schedule": METER_SEND_SECONDS, "options": _TICK},
        "reconcile": {"task": TASK_RECONCILE, "schedule": RECONCILE_SECONDS, "options": _TICK},
    },
    beat_max_loop_interval=5,
    timezone="UTC",
)
