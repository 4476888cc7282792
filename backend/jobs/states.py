"""The state machine: which status may follow which, and the one way to change it.

    queued -> placing -> starting -> running <-> paused -> stopping -> succeeded | failed | cancelled

`job_move` is a conditional UPDATE: it changes the row only if it still stands where the caller believes, so two
movers cannot both win, and every change leaves a Transition with its reason.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.jobs.bell import job_ring
from backend.jobs.models import ENDED_STATUSES, Job, Transition

S = Job.Status

NEXT: dict[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.PLACING, S.CANCELLED, S.FAILED}),
    S.PLACING: frozenset({S.STARTING, S.RUNNING, S.STOPPING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.STARTING: frozenset({S.RUNNING, S.STOPPING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.PAUSED, S.STOPPING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.PAUSED: frozenset({S.RUNNING, S.STOPPING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.STOPPING: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    # A person may put it back; what succeeded is not done again.
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    S.SUCCEEDED: frozenset(),
}


@transaction.atomic
def job_move(
    job_id: str,
    *,
    from_statuses: tuple[str, ...],
    to_status: str,
    reason: str,
    epoch: int | None = None,
    epoch_new: int | None = None,
    **changes: Any,
) -> bool:
    """Moves the job if it stands in one of `from_statuses` (and at `epoch`, where given). False: it does not.

    `epoch_new` and `changes` are written with it.
    """
    for status in from_statuses:
        assert to_status in NEXT[status], f"no way from {status} to {to_status}"
    job = Job.objects.select_for_update(no_key=True).filter(id=job_id).first()
    if job is None or job.status not in from_statuses or (epoch is not None and job.epoch != epoch):
        return False
    now = timezone.now()
    columns: dict[str, Any] = {"status": to_status, "status_reason": reason, **changes}
    if epoch_new is not None:
        assert epoch_new > job.epoch, (epoch_new, job.epoch)
        columns["epoch"] = epoch_new
    if to_status in ENDED_STATUSES:
        columns |= {"finished_at": now, "wish": Job.Wish.NONE, "eta_seconds": None}
    if to_status == S.QUEUED:
        # `queued_at` stays: a job that was interrupted keeps its place, it does not go behind those that came later.
        columns |= {"finished_at": None, "eta_seconds": None}
    Job.objects.filter(id=job_id).update(**columns)
    Transition.objects.create(
        job_id=job_id,
        from_status=job.status,
        to_status=to_status,
        reason=reason,
        epoch=job.epoch if epoch_new is None else epoch_new,
        at=now,
    )
    job_ring(job_id)
    return True
