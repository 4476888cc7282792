"""Telling nodes what a person wishes: at once after the request, and again each follow tick until a frame confirms it.

Telling twice is harmless: the node's calls are idempotent for one epoch. Not here: writing the wish (services.py).
"""

from datetime import timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from backend.core.threads import service_call
from backend.jobs.models import AttemptNode, Job
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.services import node_address

log = structlog.get_logger(__name__)

TELL_AGAIN = timedelta(seconds=5)  # a node confirms a wish within a step or so; asking again costs nothing


def wishes_untold(**filters: object) -> list[AttemptNode]:
    """Parts of open attempts whose job wishes what their node was not told, or not lately."""
    parts = AttemptNode.objects.select_related("attempt__job", "node").filter(
        attempt__ended_at__isnull=True, ended_at__isnull=True, accepted_at__isnull=False, **filters
    )
    parts = parts.exclude(attempt__job__wish="")
    lately = timezone.now() - TELL_AGAIN
    return [
        part
        for part in parts.filter(Q(attempt__job__status__in=["starting", "running", "paused", "stopping"]))
        if part.wish_sent != part.attempt.job.wish or part.wish_sent_at is None or part.wish_sent_at < lately
    ]


async def wish_tell(job_id: str) -> None:
    for part in await service_call(wishes_untold, attempt__job_id=job_id):
        await part_tell(part)


async def part_tell(part: AttemptNode) -> None:
    job, epoch = part.attempt.job, part.attempt.epoch
    client = NodeClient(await service_call(node_address, part.node))
    try:
        if job.wish == Job.Wish.CANCEL:
            await client.job_cancel(job_id=job.id, epoch=epoch)
        elif job.wish == Job.Wish.PAUSE:
            await client.job_pause(job_id=job.id, epoch=epoch)
        elif job.wish == Job.Wish.RESUME:
            await client.job_resume(job_id=job.id, epoch=epoch)
    except (NodeUnreachable, NodeRefused) as error:
        # Told again by the next tick; a node that lost the job is found out by the sweep.
        log.warning("job.wish_untold", job_id=job.id, node=part.node.name, wish=job.wish, error=str(error))
        return
    await service_call(_told, part.id, job.wish)


def _told(part_id: int, wish: str) -> None:
    AttemptNode.objects.filter(id=part_id).update(wish_sent=wish, wish_sent_at=timezone.now())
