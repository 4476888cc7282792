"""A spec's inputs by role: which checkpoint, model or file a name means, and its manifest.

A name is a checkpoint `job_…:step`, a ModelVersion, or (for files) a manifest's SHA-256. Only what is committed in
the store can be an input. Not here: signing URLs (core.artifacts).
"""

import re

from django.db.models import Q

from backend.core.artifacts import manifest_read
from backend.core.errors import ApplicationError, NotFound
from backend.jobs.models import Checkpoint
from backend.model_registry.models import ModelVersion
from gpu_node.protocol.job_spec import (
    DataSpec,
    EvalSpec,
    ExportSpec,
    GenerateSpec,
    ImportSpec,
    JobSpec,
    QuantizeSpec,
    TrainSpec,
)
from gpu_node.protocol.manifest import Manifest

_CHECKPOINT = re.compile(r"(job_[A-Za-z0-9]+):(\d{1,9})")
_SHA256 = re.compile(r"[0-9a-f]{64}")

COMMITTED = Q(committed_at__isnull=False, pruned_at__isnull=True)


class InputMissing(ApplicationError):
    code = "input_missing"


def input_names(spec: JobSpec) -> dict[str, str]:
    """Role -> name."""
    names: dict[str, str | None] = {}
    if isinstance(spec, TrainSpec):
        names = {"parent": spec.parent, "teacher": spec.teacher} | _files(spec.data)
    elif isinstance(spec, EvalSpec):
        names = {"model": spec.model, "verifier": spec.verifier, "data": spec.data.file}
    elif isinstance(spec, GenerateSpec):
        names = {**_files(spec.data)}
    elif isinstance(spec, ExportSpec | QuantizeSpec):
        names = {"model": spec.model}
    elif isinstance(spec, ImportSpec):
        names = {"artifact": spec.artifact}
    return {role: name for role, name in names.items() if name is not None}


def _files(data: DataSpec) -> dict[str, str | None]:
    if data.source == "mixture":
        return {f"data_{place}": name for place, (name, _) in enumerate(data.mixture)}
    if data.source == "file" and data.file is None:
        raise InputMissing("The data comes from a file: name it in spec.data.file.", param="spec.data.file")
    return {"data": data.file} if data.source == "file" else {}


def checkpoint_last(job_id: str) -> Checkpoint | None:
    """What a new attempt resumes from."""
    return Checkpoint.objects.filter(COMMITTED, job_id=job_id).order_by("-step", "-attempt__epoch").first()


def input_manifest(role: str, name: str) -> Manifest:
    """Raises InputMissing."""
    param = "spec.data.files" if role.startswith("data_") else "spec.data.file" if role == "data" else f"spec.{role}"
    if found := _CHECKPOINT.fullmatch(name):
        steps = Checkpoint.objects.filter(COMMITTED, job_id=found[1], step=int(found[2]))
        checkpoint = steps.order_by("-attempt__epoch").first()
        if checkpoint is None:
            raise InputMissing(f"There is no committed checkpoint {name!r}.", param=param)
        return Manifest.model_validate(checkpoint.manifest)
    if _SHA256.fullmatch(name):
        return _kept(name, name, param)
    version = ModelVersion.objects.filter(name=name).first()
    if version is None:
        raise InputMissing(f"There is no model {name!r}: name a ModelVersion or `job_…:step`.", param=param)
    if not version.manifest_sha256:
        raise InputMissing(f"The weights of {name!r} are not in the artifact store.", param=param)
    return _kept(version.manifest_sha256, name, param)


def _kept(sha256: str, name: str, param: str) -> Manifest:
    try:
        return manifest_read(sha256)
    except NotFound as error:
        raise InputMissing(f"{name!r} is not in the artifact store.", param=param) from error


def inputs_check(spec: JobSpec) -> None:
    """Raises InputMissing for a name that means nothing; so that a job does not wait for hours to fail."""
    inputs_of(spec)


def inputs_of(spec: JobSpec) -> dict[str, Manifest]:
    """The inputs by role, but for "resume". Raises InputMissing."""
    return {role: input_manifest(role, name) for role, name in input_names(spec).items()}
