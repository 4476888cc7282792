"""How an attempt ends, and what becomes of its job: succeeded, cancelled, failed, or another try.

An attempt ends when its ranks said so, or when a node of it is lost. The job then stands in `stopping` until what the
attempt left is stored (or cannot be any more), and only then takes its last status: who sees `succeeded` finds the
checkpoint committed. Infrastructure's losses are not charged to the user's retries; out of memory and a loss that is
no number are not tried again. Called under no lock or the job's own; safe to call at any time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from backend.core.queue import TASK_PLACE_JOBS, enqueue
from backend.jobs.checkpoints import PENDING
from backend.jobs.job_json import attempt_cost_nano_usd
from backend.jobs.models import LIVE_STATUSES, Attempt, AttemptNode, Checkpoint, Job
from backend.jobs.reports import report_publish
from backend.jobs.states import job_move
from backend.nodes.services import node_is_lost

# A gang's survivors report the loss of a peer before the peer's own cause is read: wait for the cause this long.
PEER_LOST_WAIT = timedelta(seconds=15)
STORING_WAIT = timedelta(minutes=10)  # for uploads after the end; a node that is lost is not waited for
LOSSES_MAX = 10  # in a row without a new checkpoint: then a person should look
RENDEZVOUS_LOSSES_MAX = 2  # nodes that could not reach each other thrice will not do so alone
RETRY_SECONDS_FIRST = 2
RETRY_SECONDS_MAX = 30  # with a tick and the start of a process: back at work 45 s after the death

S = Job.Status
Outcome = Attempt.Outcome

# Not the user's fault, and likely gone on the next try.
INFRASTRUCTURE = frozenset({"killed", "peer_lost", "rendezvous_failed", "disk_full"})
RUNNING = (S.PLACING, S.STARTING, S.RUNNING, S.PAUSED)


@dataclass(frozen=True, kw_only=True)
class Failure:
    cause: str
    message: str
    cure: str = ""


@transaction.atomic
def attempt_settle(job_id: str) -> None:
    """Ends the job's open attempt if its ranks said how, then the job if nothing is left to store."""
    job = Job.objects.select_for_update(no_key=True).get(id=job_id)
    attempt = Attempt.objects.filter(job=job, epoch=job.epoch).first()
    if attempt is None or job.status not in LIVE_STATUSES:
        return
    if attempt.ended_at is None:
        verdict = _verdict(list(attempt.parts.order_by("node_rank")), now=timezone.now())
        if verdict is None:
            return
        _attempt_end(job, attempt, outcome=verdict[0], reason=verdict[1])
    job.refresh_from_db()
    if job.status == S.STOPPING and not _is_storing(attempt):
        _job_settle(job, attempt)


@transaction.atomic
def attempt_lost(job_id: str, *, epoch: int, reason: str) -> bool:
    """Closes the attempt: what its nodes still say is refused, and the job is tried again."""
    job = Job.objects.select_for_update(no_key=True).get(id=job_id)
    attempt = Attempt.objects.filter(job=job, epoch=epoch, ended_at__isnull=True).first()
    if attempt is None or job.epoch != epoch or job.status not in LIVE_STATUSES:
        return False
    _attempt_end(job, attempt, outcome=Outcome.LOST, reason=reason)
    job.refresh_from_db()
    _job_settle(job, attempt)
    return True


@transaction.atomic
def attempt_not_placed(job_id: str, *, epoch: int, reason: str, failure: Failure | None = None) -> bool:
    """Gives the placement up: back into the queue, or to failed where trying again cannot help."""
    job = Job.objects.select_for_update(no_key=True).get(id=job_id)
    attempt = Attempt.objects.filter(job=job, epoch=epoch, ended_at__isnull=True).first()
    if attempt is None or job.epoch != epoch or job.status != S.PLACING:
        return False
    _close(attempt, outcome=Outcome.NOT_PLACED, reason=reason)
    _spent_add(job, attempt)
    if job.wish == Job.Wish.CANCEL:
        return job_move(job_id, from_statuses=(S.PLACING,), to_status=S.CANCELLED, reason=job.wish_reason)
    if failure is not None:
        return _fail(job, failure, from_status=S.PLACING)
    return _again(job, reason=reason, from_status=S.PLACING, waits_seconds=RETRY_SECONDS_FIRST, retries=0, losses=0)


def _verdict(parts: list[AttemptNode], *, now: datetime) -> tuple[Outcome, str] | None:
    """How the attempt ended, by what its ranks said; None: it goes on."""
    ended = [part for part in parts if part.ended_at is not None]
    failed = [part for part in ended if part.end["type"] == "job.failed"]
    causes = [part for part in failed if part.end["cause"] != "peer_lost"]
    if causes:
        return Outcome.FAILED, str(causes[0].end["message"])
    if len(ended) == len(parts):
        if failed:
            return Outcome.FAILED, str(failed[0].end["message"])
        if any(part.end["type"] == "job.cancelled" for part in ended):
            return Outcome.CANCELLED, "the node stopped it"
        return Outcome.FINISHED, "done"
    if any(part.ended_at is not None and part.ended_at < now - PEER_LOST_WAIT for part in failed):
        return Outcome.FAILED, "a rank of the gang was lost"
    return None


def _close(attempt: Attempt, *, outcome: Outcome, reason: str) -> None:
    now = timezone.now()
    attempt.cost_nano_usd = attempt_cost_nano_usd(attempt)  # until now: it is still open
    attempt.ended_at, attempt.outcome, attempt.end_reason = now, outcome, reason
    attempt.save(update_fields=["ended_at", "outcome", "end_reason", "cost_nano_usd"])


def _spent_add(job: Job, attempt: Attempt) -> None:
    Job.objects.filter(id=job.id).update(spent_nano_usd=job.spent_nano_usd + attempt.cost_nano_usd)


def _attempt_end(job: Job, attempt: Attempt, *, outcome: Outcome, reason: str) -> None:
    _close(attempt, outcome=outcome, reason=reason)
    _spent_add(job, attempt)
    job_move(job.id, from_statuses=RUNNING, to_status=S.STOPPING, reason=f"{outcome.label.lower()}: {reason}")


def _is_storing(attempt: Attempt) -> bool:
    """What it left may still be committed."""
    if attempt.outcome in (Outcome.LOST, Outcome.NOT_PLACED):
        return False
    assert attempt.ended_at is not None
    if attempt.ended_at < timezone.now() - STORING_WAIT:
        return False
    pending = Checkpoint.objects.filter(PENDING, attempt=attempt).select_related("node")
    return any(not node_is_lost(row.node) for row in pending)


def _failure(attempt: Attempt) -> Failure:
    terminals = [part.end for part in attempt.parts.filter(ended_at__isnull=False).order_by("node_rank")]
    failed = [terminal for terminal in terminals if terminal["type"] == "job.failed"]
    first = next((t for t in failed if t["cause"] != "peer_lost"), failed[0])
    return Failure(cause=first["cause"], message=first["message"], cure=first["cure"])


def _job_settle(job: Job, attempt: Attempt) -> None:
    """The last step, from `stopping`."""
    assert job.status == S.STOPPING, job.status
    is_cancelled = job.wish == Job.Wish.CANCEL
    if attempt.outcome == Outcome.FINISHED:
        report_publish(job)
        job_move(job.id, from_statuses=(S.STOPPING,), to_status=S.SUCCEEDED, reason="done")
    elif is_cancelled:
        job_move(job.id, from_statuses=(S.STOPPING,), to_status=S.CANCELLED, reason=job.wish_reason)
    elif attempt.outcome == Outcome.FAILED:
        _after_failure(job, _failure(attempt))
    else:  # lost, or stopped by a node that nobody asked: infrastructure
        _after_loss(job, attempt.end_reason)


def _after_failure(job: Job, failure: Failure) -> None:
    if failure.cause == "rendezvous_failed" and job.losses >= RENDEZVOUS_LOSSES_MAX:
        _fail(job, failure)
    elif failure.cause in INFRASTRUCTURE:
        _after_loss(job, f"{failure.cause}: {failure.message}")
    elif failure.cause == "code_error" and job.retries_used < job.retries_max:
        tries = f"retry {job.retries_used + 1} of {job.retries_max}"
        _again(job, reason=f"{tries} after {failure.message}", waits_seconds=_wait(job.retries_used), retries=1)
    else:
        _fail(job, failure)


def _after_loss(job: Job, reason: str) -> None:
    if job.losses >= LOSSES_MAX:
        cure = "Look at the nodes and at its log; put it back when the cause is gone."
        message = f"Lost {job.losses + 1} times in a row without a new checkpoint, the last time: {reason}"
        _fail(job, Failure(cause="lost", message=message, cure=cure))
    else:
        _again(job, reason=f"again, because {reason}", waits_seconds=_wait(job.losses), losses=1)


def _wait(times: int) -> int:
    """None the first time: the job takes its node again before others do."""
    return int(min(RETRY_SECONDS_MAX, RETRY_SECONDS_FIRST * 2 ** (times - 1))) if times else 0


def _again(
    job: Job,
    *,
    reason: str,
    waits_seconds: int,
    retries: int = 0,
    losses: int = 0,
    from_status: Job.Status = S.STOPPING,
) -> bool:
    moved = job_move(
        job.id,
        from_statuses=(from_status,),
        to_status=S.QUEUED,
        reason=reason,
        not_before=timezone.now() + timedelta(seconds=waits_seconds) if waits_seconds else None,
        retries_used=job.retries_used + retries,
        losses=job.losses + losses,
        wish=Job.Wish.NONE,
    )
    enqueue(TASK_PLACE_JOBS)
    return moved


def _fail(job: Job, failure: Failure, *, from_status: Job.Status = S.STOPPING) -> bool:
    return job_move(
        job.id,
        from_statuses=(from_status,),
        to_status=S.FAILED,
        reason=failure.message,
        failure_cause=failure.cause,
        failure_message=failure.message,
        failure_cure=failure.cure,
    )
