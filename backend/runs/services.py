"""Runs: make, claim, extend, finish, cancel. Every write to a live run is fenced by its lease.

A run and its hold begin in one transaction and end in one transaction, so a live run and an open hold are the
same fact whatever dies in between. Nothing here speaks to a node; `advance` does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.accounts.callers import Caller
from backend.core.errors import NotFound
from backend.core.failpoints import failpoint
from backend.core.request_context import request_id_now
from backend.metering.idempotency import idempotency_claim
from backend.metering.services import UsageCounts, hold_place, run_settle
from backend.runs.live import LoggedFrame
from backend.runs.models import Run, TraceEvent
from gpu_node.protocol.frames import Frame, RunFailed, RunFinished, Usage
from gpu_node.protocol.run_spec import RunSpec

# Longer than a node's heartbeat and a slow flush together, short enough that a dead advancer is replaced soon.
LEASE_SECONDS = 15.0
# The request that made the run advances it at once; the sweep leaves it alone for this long.
FIRST_CLAIM_SECONDS = 5.0
SWEEP_RUNS_MAX = 100  # a tick; the next tick takes the rest
# No question of ours takes this long; a run that does is stuck and is cancelled by the sweep.
RUN_SECONDS_MAX = 1800.0

LIVE = Q(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """The caller's Idempotency-Key and the digest of the request it came with."""

    key: str
    request_digest: str


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a door makes of a request: all that a run needs but its hold."""

    surface: Run.Surface
    question: str
    spec: RunSpec  # its max_total_tokens is the bound asked for; the hold may lower it
    conversation_id: str = ""
    idempotency: Idempotency | None = None


@transaction.atomic
def run_create(*, run_id: str, caller: Caller, request: RunRequest) -> tuple[Run, bool]:
    """Holds the money and makes the run, both or neither. The second value is False when an earlier request with
    the same Idempotency-Key made it already: then that run is returned, and nothing was held.

    Raises:
        InsufficientFunds, ModelNotPriced: from the hold.
        IdempotencyError: the key was used with another body.
    """
    if request.idempotency is not None:
        # In this transaction: a second request with the key waits here until the first one's run stands or is gone.
        first_run_id, is_new = idempotency_claim(
            account_id=caller.account_id,
            key=request.idempotency.key,
            request_digest=request.idempotency.request_digest,
            run_id=run_id,
        )
        if not is_new:
            return Run.objects.get(id=first_run_id), False
    return _run_insert(run_id=run_id, caller=caller, request=request), True


def _run_insert(*, run_id: str, caller: Caller, request: RunRequest) -> Run:
    hold = hold_place(
        run_id=run_id,
        account_id=caller.account_id,
        api_key_id=caller.api_key_id,
        model=request.spec.model,
        bound_tokens=request.spec.max_total_tokens,
    )
    failpoint("run.hold_placed")
    spec = request.spec.model_copy(update={"max_total_tokens": hold.max_total_tokens})
    return Run.objects.create(
        id=run_id,
        account_id=caller.account_id,
        api_key_id=caller.api_key_id,
        conversation_id=request.conversation_id,
        surface=request.surface,
        request_id=request_id_now(),
        question=request.question,
        model=spec.model,
        spec=spec.model_dump(mode="json"),
        max_total_tokens=hold.max_total_tokens,
        price_nano_usd_per_token=hold.price_nano_usd_per_token,
    )


def run_get(*, run_id: str, account_id: str) -> Run:
    """The account's run.

    Raises:
        NotFound: there is none, or it is another account's: both look the same.
    """
    run = Run.objects.filter(id=run_id, account_id=account_id).first()
    if run is None:
        raise NotFound(f"There is no run {run_id!r}.", code="run_not_found")
    return run


def frames_read(*, run_id: str, after_seq: int, limit: int = 1000) -> list[LoggedFrame]:
    """The log from `after_seq` on, in order."""
    rows = TraceEvent.objects.filter(run_id=run_id, seq__gt=after_seq).order_by("seq")[:limit]
    return [LoggedFrame(seq=row.seq, line=row.frame, is_terminal=row.is_terminal) for row in rows]


# --- For whoever advances the run


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


def run_claim(*, run_id: str, owner: str) -> Run | None:
    """Takes the run's lease if it is live and nobody holds it; None otherwise: somebody else is at work."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
    claimed = Run.objects.filter(LIVE & free, id=run_id).update(lease_owner=owner, lease_until=_lease_end())
    return Run.objects.get(id=run_id) if claimed else None


def run_release(*, run_id: str, owner: str) -> None:
    """Gives the lease back before its end, so that the sweep need not wait for it."""
    Run.objects.filter(LIVE, id=run_id, lease_owner=owner).update(lease_until=timezone.now())


def run_place(*, run_id: str, owner: str, node_name: str, epoch: int) -> bool:
    """Writes down which node gets the run, before the node hears of it."""
    return _owned(run_id, owner).update(node_name=node_name, epoch=epoch, lease_until=_lease_end()) == 1


@dataclass(frozen=True, kw_only=True)
class Extension:
    """What the owner learns when it writes: whether it still owns the run, and whether to cancel it."""

    is_owned: bool
    is_cancel_requested: bool = False


def _owned(run_id: str, owner: str) -> QuerySet[Run]:
    return Run.objects.filter(LIVE, id=run_id, lease_owner=owner)


@transaction.atomic
def run_extend(*, run_id: str, owner: str, usage: Usage, lines: list[LoggedFrame]) -> Extension:
    """Appends frames to the log and renews the lease. A zombie that lost its lease writes nothing."""
    # The UPDATE comes first: its row lock keeps a second owner out until the frames are in.
    changes: dict[str, Any] = {"lease_until": _lease_end()}
    if lines:
        changes |= {"status": Run.Status.RUNNING, "last_seq": lines[-1].seq, **_usage_columns(usage)}
    if _owned(run_id, owner).update(**changes) == 0:
        return Extension(is_owned=False)
    _log_append(run_id, lines)
    cancel = Run.objects.values_list("cancel_requested_at", flat=True).get(id=run_id)
    return Extension(is_owned=True, is_cancel_requested=cancel is not None)


def _log_append(run_id: str, lines: list[LoggedFrame]) -> None:
    rows = [TraceEvent(run_id=run_id, seq=f.seq, frame=f.line, is_terminal=f.is_terminal) for f in lines]
    TraceEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _usage_columns(usage: Usage) -> dict[str, int]:
    return usage.model_dump()


@transaction.atomic
def run_finish(*, run_id: str, owner: str, last: Frame, lines: list[LoggedFrame]) -> bool:
    """Ends the run by its terminal frame: log, money and status in one transaction. False: not ours any more."""
    if _owned(run_id, owner).update(lease_until=_lease_end()) == 0:
        return False
    assert lines[-1].seq == last.seq
    assert last.is_terminal
    _log_append(run_id, lines)
    is_billable = isinstance(last.event, RunFinished)
    failpoint("run.settle_before")
    record = run_settle(
        run_id=run_id,
        usage=UsageCounts(**_usage_columns(last.usage)),
        is_billable=is_billable,
        finish_reason=last.event.finish_reason if isinstance(last.event, RunFinished) else last.event.type,
    )
    failpoint("run.settle_after")
    Run.objects.filter(id=run_id).update(
        **_outcome(last),
        **_usage_columns(last.usage),
        last_seq=last.seq,
        is_billable=is_billable,
        cost_nano_usd=record.cost_nano_usd,
        finished_at=timezone.now(),
        lease_owner="",
        lease_until=None,
    )
    return True


def _outcome(last: Frame) -> dict[str, Any]:
    event = last.event
    if isinstance(event, RunFailed):
        return {"status": Run.Status.FAILED, "error_code": event.code[:64], "error_message": _storable(event.message)}
    assert isinstance(event, RunFinished)
    is_cancelled = event.finish_reason == "cancelled"
    return {
        "status": Run.Status.CANCELLED if is_cancelled else Run.Status.FINISHED,
        "answer": _storable(event.answer),
        "verdict": event.verdict or "",
        "score": event.score,
        "finish_reason": event.finish_reason,
    }


def _storable(text: str) -> str:
    # A byte-level model can say a NUL; PostgreSQL's text cannot hold one. The frame keeps it, escaped.
    return text.replace("\0", "\ufffd")


# --- Cancelling and sweeping


def run_cancel_request(*, run_id: str) -> Run:
    """Writes the wish down, so that it holds whoever advances the run. A settled run is left as it is."""
    Run.objects.filter(LIVE, id=run_id).update(cancel_requested_at=Coalesce(F("cancel_requested_at"), timezone.now()))
    return Run.objects.get(id=run_id)


def run_is_live(run_id: str) -> bool:
    return Run.objects.filter(LIVE, id=run_id).exists()


def runs_due() -> list[str]:
    """Live runs that nobody advances: never claimed, or their advancer's lease ran out."""
    now = timezone.now()
    never_claimed = Q(lease_until__isnull=True, created_at__lt=now - timedelta(seconds=FIRST_CLAIM_SECONDS))
    due = Run.objects.filter(LIVE & (never_claimed | Q(lease_until__lt=now))).order_by("created_at")
    return list(due.values_list("id", flat=True)[:SWEEP_RUNS_MAX])


def runs_cancel_overdue() -> int:
    """Asks for the end of runs that have been live far too long."""
    start = timezone.now() - timedelta(seconds=RUN_SECONDS_MAX)
    overdue = Run.objects.filter(LIVE, created_at__lt=start, cancel_requested_at__isnull=True)
    return overdue.update(cancel_requested_at=timezone.now())
