"""Following nodes: one reader a node copies its journal of job frames into the log, and answers what it found there.

`FollowCursor` is the one cursor of a node's journal and the lease of who reads it. A pass reads a page, appends it,
moves the cursor and only then acknowledges, so a reader that dies anywhere leaves repeats, never gaps. Then it tells
the node what people wish, where checkpoints go, and commits what was uploaded. A tick lives FOLLOW_SECONDS at most.
"""

import asyncio
import secrets
import time
from datetime import timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from backend.core.threads import service_call
from backend.jobs.append import frames_append
from backend.jobs.checkpoints import checkpoints_commit, checkpoints_pending, uploads_answer
from backend.jobs.models import AttemptNode, FollowCursor
from backend.jobs.outcome import attempt_settle
from backend.jobs.tell import part_tell, wishes_untold
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.models import Node
from backend.nodes.services import node_address
from gpu_node.protocol.job_frames import EVENTS_PAGE_MAX, JobFramePage

log = structlog.get_logger(__name__)

FOLLOW_SECONDS = 20.0  # of one tick, well below a task's limit
IDLE_SECONDS = 10.0  # late frames of what is over are only to be acknowledged
POLL_SECONDS = 0.5  # a curve moves within this and a transaction
LEASE = timedelta(seconds=15)  # renewed each pass; a dead reader is replaced after it
NODES_PER_TICK_MAX = 100


class LeaseLost(Exception):
    """Somebody else reads this node's journal now."""


async def follow_nodes(*, seconds_max: float = FOLLOW_SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
    """Follows every node that has work and no reader; an idle one is looked at each `idle_seconds`."""
    nodes = await service_call(_nodes, idle_seconds)
    await asyncio.gather(*(follow_node(node, seconds_max=seconds_max) for node in nodes))


def _nodes(idle_seconds: float) -> list[Node]:
    lately = timezone.now() - timedelta(seconds=idle_seconds)
    looked_at = set(FollowCursor.objects.filter(caught_up_at__gt=lately).values_list("node_id", flat=True))
    rows = Node.objects.filter(is_enabled=True, info__isnull=False).order_by("id")[:NODES_PER_TICK_MAX]
    return [node for node in rows if (node.jobs_max > 0 and node.id not in looked_at) or _has_work(node)]


def _has_work(node: Node) -> bool:
    """Something is going on there: it is read again and again, not once."""
    parts = AttemptNode.objects.filter(node=node, ended_at__isnull=True, attempt__ended_at__isnull=True)
    return parts.exists() or checkpoints_pending(node).exists()


async def follow_node(node: Node, *, seconds_max: float = FOLLOW_SECONDS) -> None:
    """Reads the node's journal to its end, and on while there is work, for `seconds_max`. Never raises for a node."""
    owner = secrets.token_hex(8)
    if not await service_call(_claim, node, owner):
        return
    error = ""
    deadline = time.monotonic() + seconds_max
    try:
        while True:
            is_full = await _pass(node, owner)
            if time.monotonic() > deadline or not (is_full or await service_call(_has_work, node)):
                break
            if not is_full:
                await asyncio.sleep(POLL_SECONDS)
    except LeaseLost:
        return
    except (NodeUnreachable, NodeRefused) as failure:
        error = str(failure)
        log.warning("node.not_followed", node=node.name, error=error)
    except Exception as failure:
        # Ours to mend; the other nodes are followed all the same, and this one again at the next tick.
        error = f"following failed: {failure!r}"
        log.exception("node.follow_failed", node=node.name)
    await service_call(_release, node, owner, error)


def _claim(node: Node, owner: str) -> bool:
    FollowCursor.objects.get_or_create(node=node)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
    mine = FollowCursor.objects.filter(free, node=node)
    return mine.update(lease_owner=owner, lease_until=timezone.now() + LEASE) == 1


def _renew(node: Node, owner: str, **changes: object) -> None:
    """Raises LeaseLost."""
    mine = FollowCursor.objects.filter(node=node, lease_owner=owner)
    if not mine.update(lease_until=timezone.now() + LEASE, **changes):
        raise LeaseLost


def _release(node: Node, owner: str, error: str) -> None:
    FollowCursor.objects.filter(node=node, lease_owner=owner).update(lease_until=None, error=error[:2000])


async def _pass(node: Node, owner: str) -> bool:
    """One page and its answers. True: the journal holds more already."""
    client = NodeClient(await service_call(node_address, node))
    cursor = await service_call(FollowCursor.objects.get, node=node)
    asked_at = timezone.now()
    page = await client.events(after=cursor.position)
    if page.journal_id != cursor.journal_id:
        # A fresh disk, or the first look: this journal is read from its start.
        await service_call(_renew, node, owner, journal_id=page.journal_id, position=0)
        if cursor.position:
            log.warning("node.journal_new", node=node.name, was=cursor.journal_id, now=page.journal_id)
            return True
    position = _positions_check(node, page, after=cursor.position)
    is_full = len(page.frames) >= EVENTS_PAGE_MAX or position < page.last_position
    changes = {} if is_full else {"caught_up_at": asked_at}
    await service_call(frames_append, node, page.frames)
    await service_call(_renew, node, owner, position=position, **changes)
    if page.frames:
        await client.events_ack(position=position)
    await _answer(node)
    return is_full and bool(page.frames)


def _positions_check(node: Node, page: JobFramePage, *, after: int) -> int:
    """The page's last position. Raises NodeUnreachable for a journal that goes backwards."""
    for frame in page.frames:
        if frame.position <= after:
            raise NodeUnreachable(f"node {node.name!r} numbers its journal backwards: {frame.position} after {after}")
        after = frame.position
    return after


async def _answer(node: Node) -> None:
    for part in await service_call(wishes_untold, node=node):
        await part_tell(part)
    await uploads_answer(node)
    await service_call(checkpoints_commit, node)
    for job_id in await service_call(_stopping, node):
        await service_call(attempt_settle, job_id)


def _stopping(node: Node) -> list[str]:
    parts = AttemptNode.objects.filter(node=node, attempt__job__status="stopping")
    return list(parts.values_list("attempt__job_id", flat=True).distinct())
