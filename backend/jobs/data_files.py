"""Files that jobs train on: stored in two calls, named by their manifest's SHA-256, kept until they are deleted.

The first call answers with URLs for the pieces that the store lacks; the second, once they lie there, keeps the file.
Not here: what is in them (the node says which line does not parse).
"""

from typing import Any

from django.db.models import Q

from backend.core.artifacts import manifest_keep, pieces_lacking, signed_for_writing
from backend.core.errors import ApplicationError, NotFound
from backend.jobs.job_json import time_json
from backend.jobs.models import ENDED_STATUSES, DataFile, Job
from gpu_node.protocol.manifest import Manifest

FILES_MAX = 1_000
FILE_BYTES_MAX = 100 * 1024**3  # of one upload


def data_file_store(*, manifest: Manifest, name: str, account_id: str) -> dict[str, Any]:
    """Raises ApplicationError: too large, or too many."""
    if manifest.num_bytes > FILE_BYTES_MAX:
        raise ApplicationError(f"{manifest.num_bytes} bytes are over the limit of {FILE_BYTES_MAX}.", param="manifest")
    if DataFile.objects.count() >= FILES_MAX:
        raise ApplicationError(f"At most {FILES_MAX} files: delete one first.", code="too_many_files")
    is_stored = not pieces_lacking(manifest)
    if is_stored:
        manifest_keep(manifest)
        DataFile.objects.get_or_create(
            manifest_sha256=manifest.sha256,
            defaults={
                "account_id": account_id,
                "name": name or manifest.files[0].path,
                "num_bytes": manifest.num_bytes,
            },
        )
    urls = {} if is_stored else signed_for_writing(manifest).urls
    return {"sha256": manifest.sha256, "is_stored": is_stored, "urls": urls}


def data_files_read() -> list[dict[str, Any]]:
    """The newest first."""
    return [
        {
            "sha256": file.manifest_sha256,
            "name": file.name,
            "num_bytes": file.num_bytes,
            "created_at": time_json(file.created_at),
        }
        for file in DataFile.objects.order_by("-created_at")
    ]


def data_file_delete(sha256: str) -> None:
    """Raises NotFound; ApplicationError while a job waits for it or runs on it."""
    if not DataFile.objects.filter(manifest_sha256=sha256).exists():
        raise NotFound(f"There is no file {sha256!r}.", code="file_not_found")
    if Job.objects.filter(~Q(status__in=ENDED_STATUSES), spec__data__file=sha256).exists():
        raise ApplicationError("A job needs this file: cancel it, or wait for its end.", code="file_in_use", status=409)
    DataFile.objects.filter(manifest_sha256=sha256).delete()
