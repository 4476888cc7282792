"""The tasks: wake-ups of three lines over backend services. No task lives over 60 s, none carries data but ids.

Losing one costs a sweep; running one twice is harmless, because the services claim rows before they work.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from backend.billing import auto_top_up, metered, reconcile
from backend.billing import sweep as billing
from backend.console.proof import proof_alarm
from backend.core.queue import (
    TASK_ALERTS_MAIL,
    TASK_AUTO_TOP_UP,
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
    TASK_RUN_ADVANCE,
    TASK_RUNS_SWEEP,
    TASK_SWEEP_ATTEMPTS,
)
from backend.core.realtime import connections_close
from backend.jobs import checkpoints, follow, orders, sweep
from backend.metering.caps import alerts_mail
from backend.metering.idempotency import idempotency_sweep
from backend.metering.services import holds_sweep
from backend.model_registry.rollout import deployment_advance
from backend.nodes.client import sessions_close
from backend.nodes.services import nodes_probe
from backend.runs.advance import advance
from backend.runs.bell import bell_drain
from backend.runs.services import run_is_live, runs_cancel_overdue, runs_due
from worker.app import app

# Below Celery's own limit for a task; a longer run is taken on by the next sweep.
ADVANCE_SECONDS_MAX = 45.0
# A sweep advances all orphans at once, then goes home, so that the other ticks get their turn.
SWEEP_SECONDS_MAX = 20.0


async def _then_close(*works: Coroutine[Any, Any, Any]) -> None:
    """A task's event loop is its own: what was opened on it ends with it."""
    try:
        await asyncio.gather(*works)
        await bell_drain()
    finally:
        await sessions_close()
        await connections_close()


@app.task(name=TASK_RUN_ADVANCE)
def run_advance(run_id: str) -> None:
    asyncio.run(_then_close(advance(run_id, seconds_max=ADVANCE_SECONDS_MAX)))


@app.task(name=TASK_RUNS_SWEEP)
def runs_sweep() -> None:
    runs_cancel_overdue()
    asyncio.run(_then_close(*(advance(run_id, seconds_max=SWEEP_SECONDS_MAX) for run_id in runs_due())))


@app.task(name=TASK_HOLDS_SWEEP)
def sweep_holds() -> None:
    holds_sweep(run_is_live=run_is_live)
    idempotency_sweep()


@app.task(name=TASK_LEDGER_CHECK)
def check_ledger() -> None:
    proof_alarm()


@app.task(name=TASK_ALERTS_MAIL)
def mail_alerts() -> None:
    alerts_mail()


@app.task(name=TASK_NODES_PROBE)
def probe_nodes() -> None:
    asyncio.run(_then_close(nodes_probe()))


@app.task(name=TASK_PLACE_JOBS)
def place_jobs() -> None:
    asyncio.run(_then_close(orders.place_jobs()))


@app.task(name=TASK_FOLLOW_NODES)
def follow_nodes() -> None:
    asyncio.run(_then_close(follow.follow_nodes()))


@app.task(name=TASK_SWEEP_ATTEMPTS)
def sweep_attempts() -> None:
    asyncio.run(_then_close(sweep.sweep_attempts()))


@app.task(name=TASK_GC_CHECKPOINTS)
def gc_checkpoints() -> None:
    checkpoints.gc_checkpoints()


@app.task(name=TASK_DEPLOYMENTS_ADVANCE)
def advance_deployments() -> None:
    asyncio.run(_then_close(deployment_advance()))


@app.task(name=TASK_AUTO_TOP_UP)
def charge_auto_top_up(account_id: str) -> None:
    auto_top_up.auto_top_up(account_id)


@app.task(name=TASK_BILLING_SWEEP)
def sweep_billing() -> None:
    billing.billing_sweep()


@app.task(name=TASK_METER_SEND)
def send_meter_events() -> None:
    metered.outbox_tick()


@app.task(name=TASK_RECONCILE)
def reconcile_stripe() -> None:
    reconcile.reconcile_tick()
