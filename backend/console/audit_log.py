"""Reading the audit log: filtered pages for the operator, and the same as CSV. Nothing here writes it (core.audit)."""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from backend.core.errors import ApplicationError
from backend.core.models import AuditEntry

PAGE_MAX = 50
CSV_BATCH = 1_000  # rows read at a time while a CSV streams
COLUMNS = (
    "id",
    "created_at",
    "area",
    "action",
    "actor",
    "account_id",
    "target",
    "before",
    "after",
    "reason",
    "request_id",
)


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Empty fields filter nothing. `text` is part of who acted, of what changed, or of the reason, or a request id."""

    area: str = ""
    text: str = ""
    first_day: dt.date | None = None
    last_day: dt.date | None = None  # counts itself

    def rows(self) -> QuerySet[AuditEntry]:
        found = AuditEntry.objects.all()
        if self.area:
            found = found.filter(area=self.area)
        if self.text:
            said = Q(actor__icontains=self.text) | Q(target__icontains=self.text) | Q(reason__icontains=self.text)
            found = found.filter(said | Q(account_id=self.text) | Q(request_id=self.text) | Q(action=self.text))
        if self.first_day:
            found = found.filter(created_at__gte=_midnight(self.first_day))
        if self.last_day:
            found = found.filter(created_at__lt=_midnight(self.last_day) + dt.timedelta(days=1))
        return found.order_by("-id")


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)


def audit_page(given: AuditFilter, cursor: str | None) -> tuple[list[AuditEntry], str | None]:
    """A page, newest first, and the cursor of the next one (None at the end)."""
    rows = given.rows()
    if cursor:
        rows = rows.filter(id__lt=_cursor_read(cursor))
    found = list(rows[: PAGE_MAX + 1])
    page = found[:PAGE_MAX]
    return page, _cursor_make(page[-1].pk) if len(found) > PAGE_MAX else None


def audit_rows(given: AuditFilter) -> Iterator[dict[str, Any]]:
    """Every row as plain text, newest first, read in batches."""
    before: int | None = None
    while True:
        rows = given.rows() if before is None else given.rows().filter(id__lt=before)
        batch = list(rows[:CSV_BATCH])
        for entry in batch:
            yield {name: _text(getattr(entry, name)) for name in COLUMNS}
        if len(batch) < CSV_BATCH:
            return
        before = batch[-1].pk


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _cursor_make(entry_id: int) -> str:
    return base64.urlsafe_b64encode(str(entry_id).encode()).decode()


def _cursor_read(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (ValueError, binascii.Error) as error:
        raise ApplicationError("This cursor is not one of ours.", param="cursor") from error
