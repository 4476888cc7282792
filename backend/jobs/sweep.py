"""The sweep over attempts: who is lost, whose budget is spent, which zombies to stop, what can be settled.

Nobody kills a job over our own blindness. An attempt is lost only when its node failed its probes for LOST_AFTER
while the prober kept its ticks, or answers without the job after its journal was read to the end, or was removed.
Meanwhile "unreachable" is only shown. Derived from rows at each tick: a missed tick costs its interval.
"""

from datetime import timedelta

import structlog
from django.utils import timezone

from backend.core.queue import TASK_PLACE_JOBS, enqueue
from backend.core.threads import service_call
from backend.jobs.job_json import attempt_cost_nano_usd
from backend.jobs.models import LIVE_STATUSES, Attempt, AttemptNode, FollowCursor, Job
from backend.jobs.outcome import attempt_lost, attempt_settle
from backend.jobs.placement import BUDGET_SPENT
from backend.jobs.services import job_cancel
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.models import Node
from backend.nodes.services import LOST_AFTER, node_address, node_is_lost

log = structlog.get_logger(__name__)

# A node's answer is a little older than our reading of it: a job it took just now may not be in it yet.
ANSWER_AGE = timedelta(seconds=5)
MISSING_FOR = timedelta(seconds=8)  # two looks

S = Job.Status


async def sweep_attempts() -> None:
    """One tick."""
    await service_call(attempts_sweep)
    for node, job_id, epoch in await service_call(zombies):
        await _stop(node, job_id, epoch)


def attempts_sweep() -> None:
    for job in Job.objects.filter(status__in=LIVE_STATUSES).order_by("id"):
        _sweep_one(job)
    if Job.objects.filter(status=S.QUEUED).exists():
        enqueue(TASK_PLACE_JOBS)


def _sweep_one(job: Job) -> None:
    attempt = Attempt.objects.filter(job=job, epoch=job.epoch).first()
    if attempt is None:
        return
    if attempt.ended_at is None and job.status != S.PLACING:
        for part in attempt.parts.filter(ended_at__isnull=True).select_related("node").order_by("node_rank"):
            if (why := _lost_reason(part, job, attempt)) is not None:
                log.warning("job.attempt_lost", job_id=job.id, epoch=attempt.epoch, node=part.node.name, why=why)
                attempt_lost(job.id, epoch=attempt.epoch, reason=why)
                return
        _budget(job, attempt)
    attempt_settle(job.id)


def _lost_reason(part: AttemptNode, job: Job, attempt: Attempt) -> str | None:
    node = part.node
    if not node.is_enabled:
        return f"the node {node.name} was removed"
    if node_is_lost(node):
        return f"the node {node.name} did not answer for {LOST_AFTER.total_seconds():.0f} seconds"
    if part.accepted_at is None or node.info is None or node.seen_at is None:
        return None
    if node.probe_error or node.seen_at < part.accepted_at + ANSWER_AGE:
        return None
    if any(e["job_id"] == job.id and e["epoch"] == attempt.epoch for e in node.running_jobs):
        AttemptNode.objects.filter(id=part.id, missing_since__isnull=False).update(missing_since=None)
        return None
    now = timezone.now()
    if part.missing_since is None:
        AttemptNode.objects.filter(id=part.id).update(missing_since=now)
        return None
    # Its end may lie unread in the journal: only a reader that came to the end after this rules that out.
    read_since = FollowCursor.objects.filter(node=node, caught_up_at__gt=part.missing_since).exists()
    if read_since and now - part.missing_since > MISSING_FOR and node.seen_at > part.missing_since:
        return f"the node {node.name} answers, but does not have the job any more"
    return None


def _budget(job: Job, attempt: Attempt) -> None:
    if job.budget_nano_usd is None or job.wish == Job.Wish.CANCEL:
        return
    if job.spent_nano_usd + attempt_cost_nano_usd(attempt) >= job.budget_nano_usd:
        job_cancel(job.id, reason=BUDGET_SPENT)


# --- Zombies


def zombies() -> list[tuple[Node, str, int]]:
    """What nodes say they run, but nobody waits for: an older epoch, a closed attempt, a rank of a gang that ended."""
    found = []
    for node in Node.objects.filter(is_enabled=True, probe_error="", info__isnull=False):
        for entry in node.running_jobs:
            if _is_unwanted(node, entry["job_id"], entry["epoch"]):
                found.append((node, entry["job_id"], entry["epoch"]))
    return found


def _is_unwanted(node: Node, job_id: str, epoch: int) -> bool:
    job = Job.objects.filter(id=job_id).first()
    if job is None or epoch > job.epoch:
        return False  # not ours to judge
    if epoch < job.epoch:
        return True
    attempt = Attempt.objects.get(job=job, epoch=epoch)
    if attempt.outcome in (Attempt.Outcome.LOST, Attempt.Outcome.NOT_PLACED):
        return True
    # A rank that said its end is only uploading; one that did not goes on without its gang.
    return attempt.ended_at is not None and attempt.parts.filter(node=node, ended_at__isnull=True).exists()


async def _stop(node: Node, job_id: str, epoch: int) -> None:
    try:
        await NodeClient(await service_call(node_address, node)).job_cancel(job_id=job_id, epoch=epoch)
        log.warning("job.zombie_stopped", job_id=job_id, epoch=epoch, node=node.name)
    except (NodeUnreachable, NodeRefused) as error:
        log.warning("job.zombie_untold", job_id=job_id, epoch=epoch, node=node.name, error=str(error))
