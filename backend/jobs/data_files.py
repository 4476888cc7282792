"""Files that jobs train on: stored in two calls, named by their manifest's SHA-256, kept until they are deleted.

The first call answers with URLs for the pieces that the store lacks; the second, once they lie there, looks through
the lines and keeps the file. A larger file is kept unread: the node says which of its lines does not parse.
Not here: what a row teaches (gpu_node/training/job_rows.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from backend.core.artifacts import manifest_keep, piece_store, pieces_lacking, signed_for_writing
from backend.core.errors import ApplicationError, NotFound
from backend.jobs.job_json import time_json
from backend.jobs.models import ENDED_STATUSES, DataFile, Job, Schedule
from gpu_node.protocol.data_layouts import layout_tell, row_check
from gpu_node.protocol.data_rows import SHAPES, BadLine, line_read
from gpu_node.protocol.manifest import Manifest

FILES_MAX = 1_000
FILE_BYTES_MAX = 100 * 1024**3  # of one upload
READ_BYTES_MAX = 64 * 1024**2  # looked through while the request waits: about a second
COLUMNS_MAX = 20  # names kept of a file


def data_file_store(*, manifest: Manifest, name: str, account_id: str) -> dict[str, Any]:
    """Raises ApplicationError: too large, too many, no single file, or a line that does not parse."""
    if len(manifest.files) != 1:
        raise ApplicationError(f"A data file is one file, not {len(manifest.files)}.", param="manifest")
    if manifest.num_bytes > FILE_BYTES_MAX:
        raise ApplicationError(f"{manifest.num_bytes} bytes are over the limit of {FILE_BYTES_MAX}.", param="manifest")
    if DataFile.objects.count() >= FILES_MAX:
        raise ApplicationError(f"At most {FILES_MAX} files: delete one first.", code="too_many_files")
    is_stored = not pieces_lacking(manifest)
    if is_stored and not DataFile.objects.filter(manifest_sha256=manifest.sha256).exists():
        _keep(manifest, name=name or manifest.files[0].path, account_id=account_id)
    urls = {} if is_stored else signed_for_writing(manifest).urls
    return {"sha256": manifest.sha256, "is_stored": is_stored, "urls": urls}


def _keep(manifest: Manifest, *, name: str, account_id: str) -> None:
    rows = _rows(manifest, name) if manifest.num_bytes <= READ_BYTES_MAX else None
    manifest_keep(manifest)
    DataFile.objects.get_or_create(
        manifest_sha256=manifest.sha256,
        defaults={
            "account_id": account_id,
            "name": name,
            "num_bytes": manifest.num_bytes,
            "num_rows": rows.num if rows else None,
            "columns": rows.columns if rows else [],
        },
    )


@dataclass(frozen=True, kw_only=True)
class Rows:
    num: int
    columns: list[str]  # as they first came


def _rows(manifest: Manifest, name: str) -> Rows:
    """Raises ApplicationError naming the first line that does not parse."""
    num, columns, layout = 0, dict[str, None](), None
    for number, line in enumerate(_lines(manifest), start=1):
        if not line.strip():
            continue
        try:
            record = line_read(line)
            layout = layout or layout_tell(record).name
            row_check(layout, record)
        except BadLine as error:
            message = f"{name}, line {number}: {error}. {error.cure[:1].upper()}{error.cure[1:]}."
            raise ApplicationError(message, code="bad_data", param="manifest") from error
        num += 1
        if len(columns) < COLUMNS_MAX:
            columns |= dict.fromkeys(record)
    if not num:
        raise ApplicationError(f"{name} holds no row. Each line is {SHAPES}.", code="bad_data", param="manifest")
    return Rows(num=num, columns=list(columns)[:COLUMNS_MAX])


def _lines(manifest: Manifest) -> Iterator[bytes]:
    """A line may begin in one piece and end in another."""
    store, rest = piece_store(), b""
    for piece in manifest.files[0].pieces:
        *lines, rest = (rest + store.read(piece.sha256)).split(b"\n")
        yield from lines
    if rest:
        yield rest


def data_files_read() -> list[dict[str, Any]]:
    """The newest first."""
    return [
        {
            "sha256": file.manifest_sha256,
            "name": file.name,
            "num_bytes": file.num_bytes,
            "num_rows": file.num_rows,
            "columns": file.columns,
            "created_at": time_json(file.created_at),
        }
        for file in DataFile.objects.order_by("-created_at")
    ]


def data_file_delete(sha256: str) -> None:
    """Raises NotFound; ApplicationError while a job waits for it or runs on it, or a schedule names it."""
    if not DataFile.objects.filter(manifest_sha256=sha256).exists():
        raise NotFound(f"There is no file {sha256!r}.", code="file_not_found")
    is_read = Q(spec__data__file=sha256) | Q(spec__data__files__icontains=sha256)
    if Job.objects.filter(~Q(status__in=ENDED_STATUSES), is_read).exists():
        raise ApplicationError("A job needs this file: cancel it, or wait for its end.", code="file_in_use", status=409)
    if schedule := Schedule.objects.filter(is_read).first():
        message = f"The schedule {schedule.name!r} trains on this file: delete the schedule first."
        raise ApplicationError(message, code="file_in_use", status=409)
    DataFile.objects.filter(manifest_sha256=sha256).delete()
