"""The bell: "job X has more" on the channel, after commit. Readers take what there is from PostgreSQL.

A lost ring costs a reader its poll interval, never data.
"""

from django.db import transaction

from backend.core.realtime import group_publish_sync

FLEET_GROUP = "fleet"


def job_group(job_id: str) -> str:
    return f"job.{job_id}"


def job_ring(job_id: str) -> None:
    transaction.on_commit(lambda: _publish(job_id))


def _publish(job_id: str) -> None:
    group_publish_sync(job_group(job_id), {"job_id": job_id})
    group_publish_sync(FLEET_GROUP, {"job_id": job_id})
