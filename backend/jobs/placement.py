"""Which waiting job goes to which nodes: by priority, then fair share, then age; a gang gets all its nodes or none.

One placer at a time (an advisory lock), and rows only: an attempt is written down before any node hears of it, so a
placer that dies leaves what the next tick sends (orders.py). A node that is unreachable, cordoned, draining or full
gets nothing. Jobs that do not fit let smaller ones pass, until a gang has waited long enough to hold nodes for it. A
job that comes back after a loss has the place it had.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.utils import timezone

from backend.jobs.inputs import checkpoint_last
from backend.jobs.job_json import time_json
from backend.jobs.models import Attempt, AttemptNode, Job
from backend.jobs.states import job_move
from backend.nodes.models import Node
from backend.nodes.services import nodes_ready_for_jobs

PLACER_LOCK = 0x5E_A1_0B  # any number, the same everywhere
JOBS_PER_PASS_MAX = 100
GANG_PATIENCE = timedelta(minutes=5)  # then nothing behind it is placed until it fits
FAIR_SHARE_WINDOW = timedelta(hours=24)
RENDEZVOUS_PORT_FIRST = 29_500
RENDEZVOUS_PORTS = 1_000  # attempts at once on one node are far fewer

BUDGET_SPENT = "Its budget is spent; clone it with a larger one to go on."

S = Job.Status


@dataclass(kw_only=True)
class _Floor:
    """The nodes with their free places, and what each account holds."""

    nodes: list[Node]
    free: dict[int, int]  # node id -> places
    held: Counter[str] = field(default_factory=Counter)  # account id -> places it holds now
    recent: Counter[str] = field(default_factory=Counter)  # account id -> seconds of nodes lately

    def take(self, nodes: list[Node], account_id: str) -> None:
        for node in nodes:
            self.free[node.id] -= 1
            self.held[account_id] += 1


def jobs_choose() -> int:
    """Writes attempts for the waiting jobs that fit; how many. Returns at once if somebody else is at it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PLACER_LOCK])
            if not cursor.fetchone()[0]:
                return 0
        return _pass()


def _pass() -> int:
    waiting = list(Job.objects.filter(status=S.QUEUED).order_by("-priority", "queued_at", "id")[:JOBS_PER_PASS_MAX])
    if not waiting:
        return 0
    floor = _floor_read()
    placed = 0
    while waiting:
        job = min(waiting, key=lambda job: _order(job, floor))
        waiting.remove(job)
        if job.budget_nano_usd is not None and job.spent_nano_usd >= job.budget_nano_usd:
            job_move(job.id, from_statuses=(S.QUEUED,), to_status=S.CANCELLED, reason=BUDGET_SPENT)
            continue
        why = _why_not_yet(job)
        nodes = [] if why else _nodes_for(job, floor)
        if nodes:
            placed += _attempt_make(job, nodes)
            floor.take(nodes, job.account_id)
            continue
        _waits(job, why or _why_no_nodes(job, floor))
        if not why and _holds_nodes(job, floor):
            for late in waiting:
                _waits(late, f"The gang {job.name!r} has waited long and goes first.")
            break
    return placed


def _order(job: Job, floor: _Floor) -> tuple[Any, ...]:
    """Priority; then the account that holds least now; then the one that had least lately; then age."""
    account = job.account_id
    return (-job.priority, floor.held[account], floor.recent[account], job.queued_at, job.id)


def _floor_read() -> _Floor:
    nodes = nodes_ready_for_jobs()
    parts = AttemptNode.objects.filter(ended_at__isnull=True, attempt__ended_at__isnull=True)
    open_parts = list(parts.select_related("attempt__job"))
    held = Counter(part.attempt.job.account_id for part in open_parts)
    floor = _Floor(nodes=nodes, free={}, held=held, recent=_recent_seconds())
    for node in nodes:
        ours = {(part.attempt.job_id, part.attempt.epoch) for part in open_parts if part.node_id == node.id}
        theirs = {(entry["job_id"], entry["epoch"]) for entry in node.running_jobs} - ours
        # What the node still names but we know to be over is about to go.
        over = AttemptNode.objects.filter(node=node, attempt__job_id__in=[job_id for job_id, _ in theirs])
        gone = {(part.attempt.job_id, part.attempt.epoch) for part in over.select_related("attempt") if part.ended_at}
        floor.free[node.id] = node.jobs_max - len(ours) - len(theirs - gone)
    return floor


def _recent_seconds() -> Counter[str]:
    since = timezone.now() - FAIR_SHARE_WINDOW
    seconds: Counter[str] = Counter()
    for attempt in Attempt.objects.filter(created_at__gt=since).select_related("job"):
        took = (attempt.ended_at or timezone.now()) - attempt.created_at
        seconds[attempt.job.account_id] += round(took.total_seconds()) * attempt.job.num_nodes
    return seconds


def _why_not_yet(job: Job) -> str:
    if job.not_before is not None and job.not_before > timezone.now():
        return f"Tried again at {time_json(job.not_before)}: {job.status_reason}"
    return ""


def _nodes_for(job: Job, floor: _Floor) -> list[Node]:
    """The cheapest free nodes that it may have; none if they are fewer than it needs."""
    last = AttemptNode.objects.filter(attempt__job=job, attempt__epoch=job.epoch, attempt__outcome="lost")
    avoided = set(last.values_list("node_id", flat=True))
    fit = [node for node in floor.nodes if floor.free[node.id] > 0 and _may_have(job, node)]
    fit.sort(key=lambda n: (n.id in avoided, n.price_nano_usd_per_hour, -floor.free[n.id], n.name))
    return fit[: job.num_nodes] if len(fit) >= job.num_nodes else []


def _may_have(job: Job, node: Node) -> bool:
    return not job.node_names or node.name in job.node_names


def _allowed(job: Job, floor: _Floor) -> list[Node]:
    return [node for node in floor.nodes if _may_have(job, node)]


def _holds_nodes(job: Job, floor: _Floor) -> bool:
    """A gang that waited long; but nodes that are away are not waited for with the others idle."""
    is_patient = job.queued_at >= timezone.now() - GANG_PATIENCE
    return 1 < job.num_nodes <= len(_allowed(job, floor)) and not is_patient


def _why_no_nodes(job: Job, floor: _Floor) -> str:
    allowed = _allowed(job, floor)
    free = [node for node in allowed if floor.free[node.id] > 0]
    if not floor.nodes:
        return "No node takes jobs now."
    if not allowed:
        return f"None of its nodes ({', '.join(job.node_names)}) takes jobs now."
    if job.num_nodes > len(allowed):
        return f"It needs {job.num_nodes} nodes at once; {len(allowed)} take jobs now."
    if job.num_nodes > 1:
        return f"It needs {job.num_nodes} nodes at once; {len(free)} of {len(allowed)} are free."
    return f"All nodes are busy ({len(allowed)}); jobs of higher priority and other accounts' share go first."


def _waits(job: Job, reason: str) -> None:
    if job.waiting_reason != reason:
        Job.objects.filter(id=job.id, status=S.QUEUED).update(waiting_reason=reason)


def _attempt_make(job: Job, nodes: list[Node]) -> bool:
    epoch = job.epoch + 1
    names = ", ".join(node.name for node in nodes)
    moved = job_move(
        job.id,
        from_statuses=(S.QUEUED,),
        to_status=S.PLACING,
        reason=f"goes to {names}",
        epoch_new=epoch,
        not_before=None,
        waiting_reason="",
    )
    if not moved:
        return False
    attempt = Attempt.objects.create(
        job=job,
        epoch=epoch,
        resumed_from=checkpoint_last(job.id) if job.kind == Job.Kind.TRAIN else None,
        price_nano_usd_per_hour=sum(node.price_nano_usd_per_hour for node in nodes),
        created_at=timezone.now(),
    )
    if job.num_nodes * job.spec.get("ranks_per_node", 1) > 1:
        host = urlsplit(nodes[0].url).hostname if job.num_nodes > 1 else "127.0.0.1"
        port = RENDEZVOUS_PORT_FIRST + attempt.id % RENDEZVOUS_PORTS
        attempt.rendezvous = {"master_host": host, "master_port": port}
        attempt.save(update_fields=["rendezvous"])
    AttemptNode.objects.bulk_create(
        [AttemptNode(attempt=attempt, node=node, node_rank=rank) for rank, node in enumerate(nodes)]
    )
    return True
