"""What jobs hand to the model registry: a committed checkpoint as a ModelVersion, an evaluation as its EvalReport.

The registry is the lower app and knows no jobs, so the lineage (data, code, config, parent, job, step) is read here.
Again is harmless: the same bytes are the same version, the same report is the same row.
"""

import hashlib
import json
import re
from typing import Any

import structlog
from django.db import transaction

from backend.core.errors import ApplicationError, NotFound
from backend.jobs.inputs import COMMITTED
from backend.jobs.models import Checkpoint, Job, JobEvent
from backend.model_registry.models import ModelVersion
from backend.model_registry.reports import report_add
from backend.model_registry.versions import Lineage, version_register
from gpu_node.protocol.job_spec import EvalSpec
from gpu_node.protocol.manifest import Manifest

log = structlog.get_logger(__name__)

_CHECKPOINT = re.compile(r"(job_[A-Za-z0-9]+):(\d{1,9})")


def checkpoint_register(job_id: str, step: int, *, name: str | None = None, description: str = "") -> ModelVersion:
    """The committed checkpoint as a version.

    Raises:
        NotFound: there is no such committed checkpoint.
        ApplicationError: it is no model, or the name is not free.
    """
    steps = Checkpoint.objects.filter(COMMITTED, job_id=job_id, step=step).select_related("job", "node")
    checkpoint = steps.order_by("-attempt__epoch").first()
    if checkpoint is None:
        raise NotFound(f"There is no committed checkpoint {job_id}:{step}.", code="checkpoint_not_found")
    return version_register(
        manifest=Manifest.model_validate(checkpoint.manifest),
        lineage=_lineage(checkpoint),
        name=name,
        description=description,
    )


def _lineage(checkpoint: Checkpoint) -> Lineage:
    job = checkpoint.job
    data = job.spec.get("data", {})
    versions = (checkpoint.node.info or {}).get("versions", {})
    return Lineage(
        job_id=job.id,
        step=checkpoint.step,
        # A file is named by its own hash; the families' rows follow from the fields that draw them.
        data_sha256=data.get("file") or hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest(),
        code_version=str(versions.get("code") or versions.get("svend", "")),
        config=job.spec,
        parent=_parent_name(job.spec.get("parent") or job.spec.get("model")),
    )


def _parent_name(parent: str | None) -> str | None:
    """The ModelVersion that the job started from, where its checkpoint was registered."""
    if parent is None or not (found := _CHECKPOINT.fullmatch(parent)):
        return parent
    version = ModelVersion.objects.filter(job_id=found[1], step=int(found[2])).first()
    return version.name if version else None


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
            _report_add(job, event.event["result"])
    except ApplicationError as error:
        log.warning("job.report_refused", job_id=job.id, error=str(error))


def _report_add(job: Job, result: dict[str, Any]) -> None:
    spec = EvalSpec.model_validate(job.spec)
    if found := _CHECKPOINT.fullmatch(spec.model):
        version = checkpoint_register(found[1], int(found[2]))
    else:
        known = ModelVersion.objects.filter(name=spec.model).first()
        if known is None:
            raise NotFound(f"There is no model {spec.model!r} any more.")
        version = known
    report_add(version=version, result=result, spec=spec, job_id=job.id)
