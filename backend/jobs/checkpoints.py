"""Checkpoints: from the node's word to a committed row, and their end.

A `checkpoint` frame makes a row; the node is answered with URLs for the pieces that the store lacks; its
`checkpoint.uploaded` is believed only when every piece lies verified in the store, and only for the job's newest
epoch. All of it is derived from rows, so a lost message is repeated by the next tick.
Retention: the last two, the best of each job, what a model or a live spec names; the rest is pruned, then its pieces
when nothing else names them. Not here: moving bytes (core.artifacts).
"""

import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from backend.core.artifacts import (
    WRITE_URL_SECONDS,
    manifest_keep,
    manifest_read,
    piece_store,
    pieces_lacking,
    signed_for_writing,
)
from backend.core.errors import NotFound
from backend.core.threads import service_call
from backend.jobs.bell import job_ring
from backend.jobs.models import ENDED_STATUSES, Checkpoint, DataFile, Job
from backend.model_registry.models import ModelVersion
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.models import Node
from backend.nodes.services import node_address
from gpu_node.protocol.manifest import Manifest

log = structlog.get_logger(__name__)

KEEP_LAST = 2
KEEP_BEST = 1  # by the lowest loss
BEST_BY = ("validation_loss", "loss")  # the first that the checkpoint has
URLS_AGAIN = timedelta(seconds=WRITE_URL_SECONDS // 2)  # before the first ones end
URLS_SENT_TIMES_MAX = 20  # then the upload is given up: the node cannot reach the store
WRONG_PIECES_AGAIN = timedelta(seconds=5)
VERIFY_SECONDS_MAX = 15.0  # of one tick; a bucket's objects are read once, the next tick goes on
PIECE_AGE_MIN = timedelta(hours=6)  # younger pieces may belong to an upload that has no row yet

PENDING = Q(committed_at__isnull=True, pruned_at__isnull=True, refused_reason="")
# Only the newest epoch of a job that still stores what it leaves may commit: a zombie's upload is nobody's.
WRITABLE = Q(attempt__epoch=F("job__epoch"), attempt__outcome__in=["", "finished", "cancelled", "failed"]) & ~Q(
    job__status__in=ENDED_STATUSES
)


def checkpoints_pending(node: Node) -> QuerySet[Checkpoint]:
    found = Checkpoint.objects.filter(PENDING & WRITABLE, node=node)
    return found.select_related("job", "attempt").order_by("step")


async def uploads_answer(node: Node) -> None:
    """Tells the node where the pieces of its pending checkpoints go."""
    client = NodeClient(await service_call(node_address, node))
    for checkpoint in await service_call(_unanswered, node):
        signed = await service_call(signed_for_writing, Manifest.model_validate(checkpoint.manifest))
        try:
            await client.job_uploads(job_id=checkpoint.job_id, epoch=checkpoint.attempt.epoch, signed=signed)
        except NodeRefused as refusal:
            await service_call(_refused_by_node, checkpoint, refusal)
            continue
        except NodeUnreachable as error:
            log.warning("checkpoint.unanswered", job_id=checkpoint.job_id, step=checkpoint.step, error=str(error))
            return
        await service_call(_answered, checkpoint)


def _unanswered(node: Node) -> list[Checkpoint]:
    due = Q(urls_sent_at__isnull=True) | Q(urls_sent_at__lt=timezone.now() - URLS_AGAIN, uploaded_at__isnull=True)
    return list(checkpoints_pending(node).filter(due))


def _answered(checkpoint: Checkpoint) -> None:
    Checkpoint.objects.filter(id=checkpoint.id).update(
        urls_sent_at=timezone.now(), urls_sent_times=F("urls_sent_times") + 1
    )


def _refused_by_node(checkpoint: Checkpoint, refusal: NodeRefused) -> None:
    """The node has it no more, or never heard of the job: asking again will not help, unless it is only busy."""
    if refusal.status >= 500:
        return
    checkpoint_refuse(checkpoint, reason=f"the node does not upload it: {refusal.message}")


def checkpoint_refuse(checkpoint: Checkpoint, *, reason: str) -> None:
    if Checkpoint.objects.filter(PENDING, id=checkpoint.id).update(refused_reason=reason[:2000]):
        log.warning("checkpoint.refused", job_id=checkpoint.job_id, step=checkpoint.step, reason=reason)
        job_ring(checkpoint.job_id)


def checkpoints_commit(node: Node) -> int:
    """Commits what the node uploaded and the store confirms; how many."""
    deadline = time.monotonic() + VERIFY_SECONDS_MAX
    committed = 0
    for checkpoint in checkpoints_pending(node).filter(uploaded_at__isnull=False):
        if time.monotonic() > deadline:
            break
        committed += _commit(checkpoint)
    return committed


def _commit(checkpoint: Checkpoint) -> bool:
    manifest = Manifest.model_validate(checkpoint.manifest)
    lacking = pieces_lacking(manifest)
    if lacking:
        if checkpoint.urls_sent_times >= URLS_SENT_TIMES_MAX:
            checkpoint_refuse(checkpoint, reason=f"{len(lacking)} pieces never came whole, first {lacking[0]}")
            return False
        # Not there, or with another hash: the node is asked for them again.
        Checkpoint.objects.filter(id=checkpoint.id).update(uploaded_at=None, urls_sent_at=None)
        log.warning("checkpoint.pieces_lacking", job_id=checkpoint.job_id, step=checkpoint.step, lacking=lacking[:3])
        return False
    manifest_keep(manifest)
    with transaction.atomic():
        # The job's row first: nobody raises its epoch between the check and the commit.
        job = Job.objects.select_for_update(no_key=True).get(id=checkpoint.job_id)
        if job.epoch != checkpoint.attempt.epoch or job.is_ended:
            return False
        done = Checkpoint.objects.filter(PENDING, id=checkpoint.id).update(committed_at=timezone.now()) == 1
        if done:
            Job.objects.filter(id=job.id).update(losses=0)  # it got somewhere
            job_ring(job.id)
    return done


# --- Retention


def _score(checkpoint: Checkpoint) -> float | None:
    return next((checkpoint.values[name] for name in BEST_BY if name in checkpoint.values), None)


def keep_reasons(job: Job) -> dict[int, list[str]]:
    """Why each committed checkpoint stays; those without a reason may go."""
    rows = list(
        Checkpoint.objects.filter(job=job, committed_at__isnull=False, pruned_at__isnull=True).order_by(
            "step", "attempt__epoch"
        )
    )
    reasons: dict[int, list[str]] = {row.id: [] for row in rows}
    for row in rows[-KEEP_LAST:]:
        reasons[row.id].append("last")
    scored = sorted(((score, row.id) for row in rows if (score := _score(row)) is not None), key=lambda pair: pair[0])
    for _, row_id in scored[:KEEP_BEST]:
        reasons[row_id].append("best")
    promoted = set(ModelVersion.objects.exclude(manifest_sha256="").values_list("manifest_sha256", flat=True))
    for row in rows:
        if row.manifest_sha256 in promoted:
            reasons[row.id].append("promoted")
        if _named_by_live_job(row):
            reasons[row.id].append("in use")
    return reasons


def _named_by_live_job(row: Checkpoint) -> bool:
    name = f"{row.job_id}:{row.step}"
    named = Q(spec__parent=name) | Q(spec__model=name) | Q(spec__verifier=name) | Q(spec__data__file=name)
    named |= Q(spec__artifact=name)
    return Job.objects.filter(named).exclude(status__in=ENDED_STATUSES).exists()


JOBS_PER_GC_MAX = 200
PIECES_PER_GC_MAX = 20_000  # of one tick; the next takes the rest


def gc_checkpoints() -> dict[str, int]:
    """Prunes checkpoints without a reason to stay, then pieces that nothing names any more."""
    pruned = 0
    with_committed = Checkpoint.objects.filter(committed_at__isnull=False, pruned_at__isnull=True)
    for job in Job.objects.filter(id__in=with_committed.values("job_id")).order_by("id")[:JOBS_PER_GC_MAX]:
        reasons = keep_reasons(job)
        idle = [row_id for row_id, why in reasons.items() if not why]
        pruned += Checkpoint.objects.filter(id__in=idle).update(pruned_at=timezone.now())
    return {"checkpoints": pruned, "pieces": _pieces_collect()}


def _pieces_collect() -> int:
    before = (timezone.now() - PIECE_AGE_MIN).timestamp()
    store = piece_store()
    old = [name for name, came_at in store.names() if came_at < before]
    if not old:
        return 0
    # Read after the listing: a row that comes later names only pieces that are young, or kept by an older row.
    named = _pieces_named()
    idle = [name for name in old if name not in named][:PIECES_PER_GC_MAX]
    for name in idle:
        store.delete(name)
    return len(idle)


def _pieces_named() -> set[str]:
    """Hashes of all pieces and manifests that a row names."""
    named: set[str] = set()
    rows = Checkpoint.objects.filter(pruned_at__isnull=True, refused_reason="")
    manifests: list[tuple[str, dict[str, Any]]] = list(rows.values_list("manifest_sha256", "manifest"))
    for sha256, manifest in manifests:
        named.add(sha256)
        named.update(piece["sha256"] for file in manifest["files"] for piece in file["pieces"])
    for sha256 in ModelVersion.objects.exclude(manifest_sha256="").values_list("manifest_sha256", flat=True):
        named |= _pieces_of_kept(sha256)
    for sha256 in DataFile.objects.values_list("manifest_sha256", flat=True):
        named |= _pieces_of_kept(sha256)
    return named


def _pieces_of_kept(sha256: str) -> set[str]:
    try:
        return {sha256, *manifest_read(sha256).pieces}
    except NotFound:
        return {sha256}
