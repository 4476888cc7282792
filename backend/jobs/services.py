"""What a person asks of jobs: make, clone, cancel, pause, resume, put back. Wishes are written down first.

A wish for a job on a node holds until the node confirms it by a frame; tell.py tells the node at once, and each
follow tick again. Not here: placement, frames, sweeps.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, get_args

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from backend.core.errors import ApplicationError, NotFound
from backend.core.ids import id_is_valid, job_id_make
from backend.core.queue import TASK_PLACE_JOBS, enqueue
from backend.jobs.bell import job_ring
from backend.jobs.inputs import inputs_check
from backend.jobs.models import Job, Transition
from backend.jobs.states import job_move
from gpu_node.protocol.job_spec import ImportSpec, JobKind, JobSpec, TrainSpec, job_spec_adapter

RETRIES_DEFAULT = 0  # an error of the code is a person's to look at, unless they ask for more tries
QUEUED_JOBS_MAX = 1_000  # of one account: a loop that makes jobs is a mistake

S = Job.Status


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a job is treated, apart from what it does."""

    name: str = ""
    priority: int = 0
    budget_nano_usd: int | None = None
    retries_max: int = RETRIES_DEFAULT
    node_names: list[str] = field(default_factory=list)
    schedule_id: str | None = None
    cloned_from_id: str | None = None


def spec_parse(given: dict[str, Any]) -> JobSpec:
    """The spec, complete and checked. Raises ApplicationError naming the first wrong field."""
    try:
        return job_spec_adapter.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"] if part not in get_args(JobKind))
        message = first["msg"].removeprefix("Value error, ")
        raise ApplicationError(
            f"spec.{path}: {message}" if path else f"spec: {message}",
            code="invalid_spec",
            param=f"spec.{path}".rstrip("."),
        ) from error


def spec_sha256(spec: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@transaction.atomic
def job_create(
    *, job_id: str | None, account_id: str, created_by_id: int | None, spec: dict[str, Any], terms: Terms
) -> tuple[Job, bool]:
    """Makes the job and queues it. The second value is False when the id was used before for the same spec.

    Raises:
        ApplicationError: the spec is wrong, an input does not exist, or the id stands for another job.
    """
    job_id = job_id or job_id_make()
    if not id_is_valid(job_id, "job"):
        raise ApplicationError(f"{job_id!r} is no job id: use job_ and 8 to 32 letters or digits.", param="id")
    parsed = spec_parse(spec)
    frozen = parsed.model_dump(mode="json")
    digest = spec_sha256(frozen)
    known = Job.objects.filter(id=job_id).first()
    if known is not None:
        return _repeated(known, account_id=account_id, digest=digest), False
    inputs_check(parsed)
    if Job.objects.filter(account_id=account_id, status=S.QUEUED).count() >= QUEUED_JOBS_MAX:
        raise ApplicationError(f"At most {QUEUED_JOBS_MAX} jobs wait at once: cancel some first.", code="too_many_jobs")
    now = timezone.now()
    job, is_new = Job.objects.get_or_create(
        id=job_id,
        defaults={
            "account_id": account_id,
            "created_by_id": created_by_id,
            "name": terms.name or _name(parsed),
            "cloned_from_id": terms.cloned_from_id,
            "schedule_id": terms.schedule_id,
            "kind": parsed.kind,
            "spec": frozen,
            "spec_sha256": digest,
            "priority": terms.priority,
            "budget_nano_usd": terms.budget_nano_usd,
            "retries_max": terms.retries_max,
            "node_names": terms.node_names,
            "num_nodes": parsed.num_nodes if isinstance(parsed, TrainSpec) else 1,
            "num_steps": parsed.num_steps if isinstance(parsed, TrainSpec) else None,
            "queued_at": now,
        },
    )
    if not is_new:  # the same request at the same moment
        return _repeated(job, account_id=account_id, digest=digest), False
    Transition.objects.create(job=job, from_status="", to_status=S.QUEUED, reason="made", epoch=0, at=now)
    job_ring(job.id)
    enqueue(TASK_PLACE_JOBS)
    return job, True


def _repeated(job: Job, *, account_id: str, digest: str) -> Job:
    if job.account_id != account_id or job.spec_sha256 != digest:
        raise ApplicationError(f"The id {job.id!r} stands for another job.", code="id_taken", status=409, param="id")
    return job


def _name(spec: JobSpec) -> str:
    if isinstance(spec, TrainSpec):
        return f"{spec.objective} {spec.parent or spec.model_size}"
    if isinstance(spec, ImportSpec):
        return f"import {spec.name or spec.folder or spec.artifact or spec.source}"
    return f"{spec.kind} {getattr(spec, 'model', '')}".strip()


def job_get(job_id: str) -> Job:
    """Raises NotFound."""
    job = Job.objects.filter(id=job_id).first()
    if job is None:
        raise NotFound(f"There is no job {job_id!r}.", code="job_not_found")
    return job


def _merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396: null takes a field away, an object merges, all else replaces."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def job_clone(
    job_id: str,
    *,
    new_job_id: str | None,
    account_id: str,
    created_by_id: int | None,
    changes: dict[str, Any],
    terms: dict[str, Any],
) -> tuple[Job, bool]:
    """A new job with the same spec and terms, but for what is given."""
    source = job_get(job_id)
    same: dict[str, Any] = {
        "name": source.name,
        "priority": source.priority,
        "budget_nano_usd": source.budget_nano_usd,
        "retries_max": source.retries_max,
        "node_names": source.node_names,
    }
    return job_create(
        job_id=new_job_id,
        account_id=account_id,
        created_by_id=created_by_id,
        spec=_merged(source.spec, changes),
        terms=Terms(**{**same, **terms, "cloned_from_id": source.id}),
    )


# --- Wishes


def _wish(job_id: str, *, statuses: tuple[str, ...], wish: Job.Wish, reason: str) -> bool:
    changed = Job.objects.filter(id=job_id, status__in=statuses).exclude(wish=Job.Wish.CANCEL)
    is_written = changed.update(wish=wish, wish_reason=reason) == 1
    if is_written:
        job_ring(job_id)
    return is_written


def _refuse(job_id: str, verb: str, cure: str) -> ApplicationError:
    status = job_get(job_id).status
    return ApplicationError(f"A job that is {status} cannot be {verb}: {cure}", code="wrong_status", status=409)


@transaction.atomic
def job_cancel(job_id: str, *, reason: str) -> None:
    """Ends the job: at once while it waits, else once its node has kept a last checkpoint. Again is harmless."""
    job_get(job_id)
    if job_move(job_id, from_statuses=(S.QUEUED,), to_status=S.CANCELLED, reason=reason):
        return
    moved = job_move(
        job_id,
        from_statuses=(S.STARTING, S.RUNNING, S.PAUSED),
        to_status=S.STOPPING,
        reason=reason,
        wish=Job.Wish.CANCEL,
        wish_reason=reason,
    )
    if not moved:  # being placed: whoever places it sees the wish
        _wish(job_id, statuses=(S.PLACING,), wish=Job.Wish.CANCEL, reason=reason)


def job_pause(job_id: str, *, reason: str) -> None:
    if not _wish(job_id, statuses=(S.RUNNING,), wish=Job.Wish.PAUSE, reason=reason):
        if job_get(job_id).status != S.PAUSED:
            raise _refuse(job_id, "paused", "only a running one can.")


def job_resume(job_id: str, *, reason: str) -> None:
    if not _wish(job_id, statuses=(S.PAUSED, S.RUNNING), wish=Job.Wish.RESUME, reason=reason):
        raise _refuse(job_id, "resumed", "only a paused one can; put a cancelled or failed one back by requeue.")


def job_requeue(job_id: str, *, reason: str) -> None:
    """Puts a cancelled or failed job back: it goes on from its last committed checkpoint."""
    moved = job_move(
        job_id,
        from_statuses=(S.CANCELLED, S.FAILED),
        to_status=S.QUEUED,
        reason=reason,
        failure_cause="",
        failure_message="",
        failure_cure="",
        retries_used=0,
        losses=0,
        queued_at=timezone.now(),  # behind those that waited meanwhile
        not_before=None,
        waiting_reason="",
    )
    if not moved:
        raise _refuse(job_id, "put back", "only a cancelled or failed one can; clone a succeeded one.")
    enqueue(TASK_PLACE_JOBS)
