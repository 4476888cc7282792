"""Sending a placed attempt to its nodes: every rank takes its order, or the attempt is given up.

Orders are derived from rows, so whoever finds a job in `placing` may send them again: a node takes the same epoch
twice without harm. A node that cannot be reached is asked again until PLACING_SECONDS_MAX; then the whole gang is
taken back. Not here: choosing nodes (placement.py).
"""

import asyncio
from datetime import timedelta

import structlog
from django.utils import timezone

from backend.core.artifacts import signed_for_reading
from backend.core.threads import service_call
from backend.jobs.inputs import InputMissing, inputs_of
from backend.jobs.models import AttemptNode, Job
from backend.jobs.outcome import Failure, attempt_not_placed
from backend.jobs.placement import jobs_choose
from backend.jobs.schedules import schedules_due
from backend.jobs.states import job_move
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.services import node_address
from gpu_node.protocol.job_spec import JobOrder, Rendezvous, job_spec_adapter
from gpu_node.protocol.manifest import Manifest

log = structlog.get_logger(__name__)

PLACING_SECONDS_MAX = 30  # a node that restarts is back within ten seconds
# Refusals that say nothing against the spec: elsewhere, or a little later, the job may well be taken.
REFUSALS_TO_RETRY = frozenset(
    {"busy", "draining", "stopping", "disk_error", "disk_full", "stale_epoch", "internal_error", "unauthorized"}
)

S = Job.Status


async def place_jobs() -> None:
    """One tick: what is due is made, what fits is chosen, what is chosen is sent."""
    await service_call(schedules_due)
    await service_call(jobs_choose)
    jobs = await service_call(lambda: list(Job.objects.filter(status=S.PLACING)))
    await asyncio.gather(*(_send(job) for job in jobs))


async def _send(job: Job) -> None:
    parts = await service_call(_parts, job)
    try:
        orders = await service_call(_orders, job, parts)
    except InputMissing as error:
        failure = Failure(cause="bad_input", message=error.message, cure="Name an input that is in the store.")
        await service_call(attempt_not_placed, job.id, epoch=job.epoch, reason=error.message, failure=failure)
        return
    errors = await asyncio.gather(*(_put(job, part, orders[part.id]) for part in parts if part.accepted_at is None))
    refusals = [error for error in errors if isinstance(error, NodeRefused)]
    if refusals:
        await _take_back(job, parts, refusals[0])
    elif any(errors):
        await _patience(job, parts, str(next(error for error in errors if error)))
    else:
        await service_call(_accepted, job)


def _parts(job: Job) -> list[AttemptNode]:
    parts = AttemptNode.objects.filter(attempt__job=job, attempt__epoch=job.epoch)
    return list(parts.select_related("attempt__resumed_from", "node").order_by("node_rank"))


def _orders(job: Job, parts: list[AttemptNode]) -> dict[int, JobOrder]:
    spec = job_spec_adapter.validate_python(job.spec)
    inputs = {role: signed_for_reading(manifest) for role, manifest in inputs_of(spec).items()}
    orders = {}
    for part in parts:
        resumed = part.attempt.resumed_from
        if resumed is not None:
            inputs["resume"] = signed_for_reading(Manifest.model_validate(resumed.manifest))
        orders[part.id] = JobOrder(spec=spec, inputs=inputs, rendezvous=_rendezvous(job, part))
    return orders


def _rendezvous(job: Job, part: AttemptNode) -> Rendezvous | None:
    if part.attempt.rendezvous is None:
        return None
    return Rendezvous(
        node_rank=part.node_rank,
        num_nodes=job.num_nodes,
        ranks_per_node=job.spec.get("ranks_per_node", 1),
        **part.attempt.rendezvous,
    )


async def _put(job: Job, part: AttemptNode, order: JobOrder) -> NodeRefused | NodeUnreachable | None:
    client = NodeClient(await service_call(node_address, part.node))
    try:
        await client.job_put(job_id=job.id, epoch=part.attempt.epoch, order=order)
    except (NodeRefused, NodeUnreachable) as error:
        log.warning("job.not_taken", job_id=job.id, node=part.node.name, error=str(error))
        return error
    await service_call(_taken, part)
    return None


def _taken(part: AttemptNode) -> None:
    AttemptNode.objects.filter(id=part.id, accepted_at__isnull=True).update(accepted_at=timezone.now())


def _accepted(job: Job) -> None:
    if not job_move(job.id, from_statuses=(S.PLACING,), to_status=S.STARTING, reason="taken", epoch=job.epoch):
        return
    if Job.objects.get(id=job.id).wish == Job.Wish.CANCEL:  # asked for while it was being placed
        job_move(job.id, from_statuses=(S.STARTING,), to_status=S.STOPPING, reason=job.wish_reason or "cancelled")


async def _take_back(job: Job, parts: list[AttemptNode], refusal: NodeRefused) -> None:
    failure = None
    if refusal.code not in REFUSALS_TO_RETRY:
        failure = Failure(cause="bad_spec", message=refusal.message, cure="Change the spec, or choose another node.")
    given_up = await service_call(
        attempt_not_placed, job.id, epoch=job.epoch, reason=f"not taken: {refusal.message}", failure=failure
    )
    if given_up:
        await _cancel_everywhere(job, parts)


async def _patience(job: Job, parts: list[AttemptNode], cause: str) -> None:
    if parts[0].attempt.created_at > timezone.now() - timedelta(seconds=PLACING_SECONDS_MAX):
        return  # the next tick asks again
    if await service_call(attempt_not_placed, job.id, epoch=job.epoch, reason=f"not taken in time: {cause}"):
        await _cancel_everywhere(job, parts)


async def _cancel_everywhere(job: Job, parts: list[AttemptNode]) -> None:
    """Best effort: a node that is not told now is told by the sweep, which finds the epoch closed."""
    for part in parts:
        try:
            address = await service_call(node_address, part.node)
            await NodeClient(address).job_cancel(job_id=job.id, epoch=part.attempt.epoch)
        except (NodeRefused, NodeUnreachable) as error:
            log.info("job.untold", job_id=job.id, node=part.node.name, error=str(error))
