"""What pages, the CLI and the websockets read of jobs. Writes nothing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max, Prefetch, QuerySet

from backend.core.errors import ApplicationError, NotFound
from backend.jobs.checkpoints import keep_reasons
from backend.jobs.job_json import (
    attempt_json,
    checkpoint_json,
    event_json,
    job_json,
    metric_columns,
    schedule_json,
    time_json,
    transition_json,
)
from backend.jobs.models import Attempt, AttemptNode, Checkpoint, Job, JobEvent, Metric, Schedule
from backend.jobs.services import job_get

SCHEDULES_MAX = 500
TRANSITIONS_MAX = 500  # the newest of one job
METRIC_ROWS_MAX = 1_000_000


def _attempts() -> QuerySet[Attempt]:
    parts = AttemptNode.objects.order_by("node_rank").select_related("node")
    return Attempt.objects.select_related("resumed_from").prefetch_related(Prefetch("parts", queryset=parts))


def queue_positions() -> dict[str, int]:
    """Where each waiting job stands, from 1: by priority, then by age. Fair share may let another account pass."""
    waiting = Job.objects.filter(status=Job.Status.QUEUED).order_by("-priority", "queued_at", "id")
    return {job_id: place for place, job_id in enumerate(waiting.values_list("id", flat=True), start=1)}


def jobs_dump(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    jobs = list(jobs)
    newest = {
        attempt.job_id: attempt for attempt in _attempts().filter(job__in=[job.id for job in jobs]).order_by("epoch")
    }  # the later epoch stays
    positions = queue_positions() if any(job.status == Job.Status.QUEUED for job in jobs) else {}
    return [job_json(job, attempt=newest.get(job.id), queue_position=positions.get(job.id)) for job in jobs]


def _jobs() -> QuerySet[Job]:
    return Job.objects.select_related("account", "created_by")


def job_read(job_id: str) -> dict[str, Any]:
    """Raises NotFound."""
    job = _jobs().filter(id=job_id).first()
    if job is None:
        raise NotFound(f"There is no job {job_id!r}.", code="job_not_found")
    return jobs_dump([job])[0]


def job_detail(job_id: str) -> dict[str, Any]:
    found = job_read(job_id)
    attempts = _attempts().filter(job_id=job_id).order_by("epoch")
    transitions = list(Job.objects.get(id=job_id).transitions.order_by("-id")[:TRANSITIONS_MAX])
    return {
        **found,
        "attempts": [attempt_json(attempt) for attempt in attempts],
        "transitions": [transition_json(transition) for transition in reversed(transitions)],
    }


def jobs_page(*, statuses: list[str], kind: str, cursor: str, limit: int) -> dict[str, Any]:
    """Newest first. Raises ApplicationError for a cursor that is not ours."""
    jobs = _jobs().order_by("-created_at", "-id")
    if statuses:
        jobs = jobs.filter(status__in=statuses)
    if kind:
        jobs = jobs.filter(kind=kind)
    if cursor:
        at, job_id = _cursor_parse(cursor)
        jobs = jobs.filter(created_at__lte=at).exclude(created_at=at, id__gte=job_id)
    found = list(jobs[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.created_at.isoformat()}~{last.id}" if last else None
    return {"results": jobs_dump(found[:limit]), "next": following}


def _cursor_parse(cursor: str) -> tuple[datetime, str]:
    at, _, job_id = cursor.replace(" ", "+").partition("~")
    try:
        return datetime.fromisoformat(at), job_id
    except ValueError as error:
        raise ApplicationError("The cursor is not one of ours.", param="cursor") from error


# --- The log


def events_after(job_id: str, *, after: int, limit: int, types: Iterable[str] = ()) -> list[dict[str, Any]]:
    events = JobEvent.objects.filter(job_id=job_id, seq__gt=after).select_related("attempt").order_by("seq")
    types = list(types)
    if types:
        events = events.filter(type__in=types)
    return [event_json(event, epoch=event.attempt.epoch) for event in events[:limit]]


def events_page(job_id: str, *, after: int, limit: int, types: list[str]) -> dict[str, Any]:
    job = job_get(job_id)  # before its events: what comes between is seen by the next page
    events = events_after(job_id, after=after, limit=limit, types=types)
    is_complete = job.is_ended and len(events) < limit
    return {"events": events, "last_seq": job.last_seq, "is_complete": is_complete}


def log_page(
    job_id: str, *, after: int, limit: int, level: str = "", search: str = "", rank: int | None = None
) -> dict[str, Any]:
    job = job_get(job_id)
    events = JobEvent.objects.filter(job_id=job_id, type="log", seq__gt=after).select_related("attempt")
    if level:
        levels = ["debug", "info", "warning", "error"]
        events = events.filter(event__level__in=levels[levels.index(level) :])
    if search:
        events = events.filter(event__text__icontains=search)
    if rank is not None:
        events = events.filter(event__rank=rank)
    found = list(events.order_by("seq")[:limit])
    lines = [
        {
            "seq": row.seq,
            "epoch": row.attempt.epoch,
            "at": time_json(row.at),
            "level": row.event["level"],
            "rank": row.event["rank"],
            "text": row.event["text"],
        }
        for row in found
    ]
    next_after = found[-1].seq if len(found) == limit else max(after, job.last_seq)
    return {"lines": lines, "next_after": next_after, "is_complete": job.is_ended and len(found) < limit}


# --- Charts


def metrics_read(job_id: str, *, names: list[str], points_max: int, after_seq: int) -> dict[str, Any]:
    """Steps in order, each by its newest attempt; thinned to each bucket's minima and maxima, never at random."""
    job_get(job_id)
    rows = Metric.objects.filter(job_id=job_id, seq__gt=after_seq).order_by("step", "epoch", "seq")
    newest: dict[int, Metric] = {}
    for row in rows[:METRIC_ROWS_MAX]:
        known = newest.get(row.step)
        if known is not None and known.epoch == row.epoch:
            row.values = {**known.values, **row.values}  # two frames of one step: training and validation
        newest[row.step] = row
    found = list(newest.values())
    names = names or sorted({name for row in found for name in row.values})
    return metric_columns(_thinned(found, names=names, points_max=points_max), names=names, num_rows_total=len(found))


def _thinned(rows: list[Metric], *, names: list[str], points_max: int) -> list[Metric]:
    if len(rows) <= points_max:
        return rows
    # A bucket keeps its first row and, for each name, where it is least and greatest.
    buckets = max(1, points_max // (1 + 2 * max(1, len(names))))
    kept: set[int] = {len(rows) - 1}
    for bucket in range(buckets):
        span = range(bucket * len(rows) // buckets, (bucket + 1) * len(rows) // buckets)
        if not span:
            continue
        kept.add(span.start)
        for name in names:
            with_value = [index for index in span if rows[index].values.get(name) is not None]
            if with_value:
                kept.add(min(with_value, key=lambda index: rows[index].values[name]))
                kept.add(max(with_value, key=lambda index: rows[index].values[name]))
    return [rows[index] for index in sorted(kept)]


# --- Checkpoints and schedules


def checkpoints_read(job_id: str) -> list[dict[str, Any]]:
    job = job_get(job_id)
    reasons = keep_reasons(job)
    rows = Checkpoint.objects.filter(job_id=job_id).select_related("attempt").order_by("step", "attempt__epoch")
    return [checkpoint_json(row, epoch=row.attempt.epoch, keep_reasons=reasons.get(row.id, [])) for row in rows]


def schedules_read() -> list[dict[str, Any]]:
    return _schedules_dump(list(Schedule.objects.order_by("name", "id")[:SCHEDULES_MAX]))


def schedule_read(schedule_id: str) -> dict[str, Any]:
    """Raises NotFound."""
    found = _schedules_dump(list(Schedule.objects.filter(id=schedule_id)))
    if not found:
        raise NotFound(f"There is no schedule {schedule_id!r}.", code="schedule_not_found")
    return found[0]


def _schedules_dump(schedules: list[Schedule]) -> list[dict[str, Any]]:
    jobs = Job.objects.filter(schedule__in=schedules).order_by("schedule_id", "-created_at").distinct("schedule_id")
    newest = {job.schedule_id: job for job in jobs}
    return [schedule_json(schedule, last_job=newest.get(schedule.id)) for schedule in schedules]


def last_seq(job_id: str) -> int:
    found = JobEvent.objects.filter(job_id=job_id).aggregate(last=Max("seq"))["last"]
    return found or 0
