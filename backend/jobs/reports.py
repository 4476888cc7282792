"""What an evaluation measured, handed to the model registry when its job succeeded. Again is harmless."""

import structlog
from django.db import transaction

from backend.core.errors import ApplicationError
from backend.jobs.models import Job, JobEvent

log = structlog.get_logger(__name__)


def report_publish(job: Job) -> None:
    """A report that the registry refuses stays in the job's log; the job succeeded all the same."""
    if job.kind != Job.Kind.EVALUATE:
        return
    event = JobEvent.objects.filter(job=job, type="eval").order_by("-seq").first()
    if event is None:
        log.warning("job.no_report", job_id=job.id)
        return
    try:
        with transaction.atomic():
            _add(job, event.event["result"])
    except ApplicationError as error:
        log.warning("job.report_refused", job_id=job.id, error=str(error))


def _add(job: Job, result: dict[str, object]) -> None:
    log.info("job.report", job_id=job.id, keys=sorted(result))
