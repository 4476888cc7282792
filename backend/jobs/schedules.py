"""Schedules: rows whose due time a tick finds. A due time missed by an outage makes one job, not many; one that can
make no job says why and waits for its next time."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from backend.core.errors import ApplicationError, NotFound
from backend.core.ids import schedule_id_make
from backend.jobs.inputs import inputs_check
from backend.jobs.models import Schedule
from backend.jobs.services import Terms, job_create, spec_parse

log = structlog.get_logger(__name__)

SCHEDULES_PER_TICK_MAX = 50  # the next tick takes the rest
SCHEDULES_MAX = 500  # live rows


def schedule_create(
    *,
    account_id: str,
    name: str,
    spec: dict[str, Any],
    every_seconds: int,
    priority: int = 0,
    budget_nano_usd: int | None = None,
    first_at: datetime | None = None,
) -> Schedule:
    """Raises ApplicationError: the spec is wrong, names an input that does not exist, or there are too many."""
    if Schedule.objects.count() >= SCHEDULES_MAX:
        raise ApplicationError(f"At most {SCHEDULES_MAX} schedules: delete one first.", code="too_many_schedules")
    parsed = spec_parse(spec)
    inputs_check(parsed)
    return Schedule.objects.create(
        id=schedule_id_make(),
        account_id=account_id,
        name=name,
        spec=parsed.model_dump(mode="json"),
        priority=priority,
        budget_nano_usd=budget_nano_usd,
        every_seconds=every_seconds,
        next_at=first_at or timezone.now(),
    )


def schedule_enable(schedule_id: str, *, is_enabled: bool) -> None:
    if not Schedule.objects.filter(id=schedule_id).update(is_enabled=is_enabled):
        raise NotFound(f"There is no schedule {schedule_id!r}.", code="schedule_not_found")


def schedule_delete(schedule_id: str) -> None:
    """Its jobs stay. Again is harmless."""
    Schedule.objects.filter(id=schedule_id).delete()


def schedules_due() -> int:
    """Makes the jobs that are due; how many."""
    due = Schedule.objects.filter(is_enabled=True, next_at__lte=timezone.now()).order_by("next_at")
    return sum(_make(schedule) for schedule in due[:SCHEDULES_PER_TICK_MAX])


def _make(schedule: Schedule) -> bool:
    """False: another tick was first, or no job could be made; the schedule then says why and goes on."""
    now = timezone.now()
    missed = (now - schedule.next_at) // timedelta(seconds=schedule.every_seconds)
    following = schedule.next_at + (missed + 1) * timedelta(seconds=schedule.every_seconds)
    # The expected due time in the condition: of two ticks at once, one makes the job.
    claimed = Schedule.objects.filter(id=schedule.id, next_at=schedule.next_at, is_enabled=True)
    try:
        with transaction.atomic():
            if not claimed.update(next_at=following, last_error=""):
                return False
            _job_make(schedule)
    except ApplicationError as error:
        # Its input is gone, or too many jobs wait. One schedule's trouble must not hold up those behind it.
        log.warning("schedule.made_no_job", schedule_id=schedule.id, error=str(error))
        claimed.update(next_at=following, last_error=str(error))
        return False
    return True


def _job_make(schedule: Schedule) -> None:
    job_create(
        job_id=None,
        account_id=schedule.account_id,
        created_by_id=None,
        spec=schedule.spec,
        terms=Terms(
            name=schedule.name,
            priority=schedule.priority,
            budget_nano_usd=schedule.budget_nano_usd,
            schedule_id=schedule.id,
        ),
    )
