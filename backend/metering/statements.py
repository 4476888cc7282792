"""What was used and charged, for people and programs: sums by day, runs one by one, keys by month. Reads only."""

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from backend.accounts.models import ApiKey
from backend.core.errors import ApplicationError
from backend.metering.caps import key_alerts
from backend.metering.models import Hold, KeyMonth, UsageRecord
from backend.metering.signals import run_questions_wanted

DAYS_DEFAULT = 30
DAYS_MAX = 366
RUNS_PAGE_MAX = 100

ASKED_ON_PAGE = "page"  # in the place of a key

TOKEN_SUMS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "tool_result_tokens")


def month_start(day: dt.date) -> dt.date:
    return day.replace(day=1)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class UsageFilter:
    """Of which key and model; None filters nothing. `api_key_id` "page": what was asked without a key."""

    api_key_id: str | None = None
    model: str | None = None

    def rows(self, account_id: str) -> QuerySet[UsageRecord]:
        found = UsageRecord.objects.filter(account_id=account_id)
        if self.api_key_id == ASKED_ON_PAGE:
            found = found.filter(api_key_id=None)
        elif self.api_key_id:
            found = found.filter(api_key_id=self.api_key_id)
        return found.filter(model=self.model) if self.model else found


NO_FILTER = UsageFilter()


def usage_by_day(
    *, account_id: str, first_day: dt.date, last_day: dt.date, only: UsageFilter = NO_FILTER
) -> list[dict[str, Any]]:
    """One row for each day (UTC) with runs, oldest first. Both days count."""
    if not first_day <= last_day <= first_day + dt.timedelta(days=DAYS_MAX):
        raise ApplicationError(f"`from` must not be after `to`, and at most {DAYS_MAX} days before it.", param="from")
    rows: Any = (  # dicts of the names below
        only.rows(account_id)
        .filter(
            created_at__gte=_midnight(first_day),
            created_at__lt=_midnight(last_day + dt.timedelta(days=1)),
        )
        .annotate(day=TruncDate("created_at", tzinfo=dt.UTC))
        .values("day")
        .annotate(
            **{f"sum_{name}": Sum(name) for name in (*TOKEN_SUMS, "cost_nano_usd")},
            num_runs=Count("run_id"),
        )
        .order_by("day")
    )
    return [
        {
            "day": row["day"],
            **{name: row[f"sum_{name}"] for name in (*TOKEN_SUMS, "cost_nano_usd")},
            "num_runs": row["num_runs"],
        }
        for row in rows
    ]


def spent_since(*, account_id: str, first_day: dt.date) -> int:
    found = UsageRecord.objects.filter(account_id=account_id, created_at__gte=_midnight(first_day))
    return found.aggregate(spent=Sum("cost_nano_usd"))["spent"] or 0


def models_used(account_id: str) -> list[str]:
    """The models that the account was ever answered by, for a filter."""
    return list(
        UsageRecord.objects.filter(account_id=account_id).values_list("model", flat=True).distinct().order_by("model")
    )


def usage_runs(
    *, account_id: str, cursor: str | None, limit: int, only: UsageFilter = NO_FILTER
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of runs, newest first, and the cursor of the next page (None at the end)."""
    found = only.rows(account_id).select_related("api_key")
    if cursor:
        created_at, run_id = _cursor_read(cursor)
        found = found.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, run_id__lt=run_id))
    rows = list(found.order_by("-created_at", "-run_id")[: limit + 1])
    page, rest = rows[:limit], rows[limit:]
    questions = run_questions(account_id=account_id, run_ids=[row.run_id for row in page])
    return [_run_line(row, questions.get(row.run_id, "")) for row in page], _cursor_make(page[-1]) if rest else None


def _run_line(row: UsageRecord, question: str) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "created_at": row.created_at,
        "model": row.model,
        "api_key_name": row.api_key.name if row.api_key else None,
        "question": question,
        "finish_reason": row.finish_reason,
        **{name: getattr(row, name) for name in TOKEN_SUMS},
        "cost_nano_usd": row.cost_nano_usd,
        "is_billable": row.is_billable,
    }


def run_questions(*, account_id: str, run_ids: list[str]) -> dict[str, str]:
    answers: list[tuple[Any, dict[str, str]]] = run_questions_wanted.send(  # type: ignore[assignment]
        sender=UsageRecord, account_id=account_id, run_ids=run_ids
    )
    return {run_id: question for _, questions in answers for run_id, question in questions.items()}


def _cursor_make(row: UsageRecord) -> str:
    return base64.urlsafe_b64encode(f"{row.created_at.isoformat()}|{row.run_id}".encode()).decode()


def _cursor_read(cursor: str) -> tuple[dt.datetime, str]:
    try:
        at, _, run_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        created_at = dt.datetime.fromisoformat(at)
        if created_at.tzinfo is None:
            raise ValueError("no time zone")
    except (ValueError, binascii.Error) as error:
        raise ApplicationError("This cursor is not one of ours.", param="cursor") from error
    return created_at, run_id


def keys_with_spending(*, account_id: str) -> list[ApiKey]:
    """The account's keys, newest first, each with `spent_month_nano_usd`."""
    keys = list(ApiKey.objects.filter(account_id=account_id).order_by("-created_at"))
    month = month_start(timezone.now().astimezone(dt.UTC).date())
    spent = dict(
        KeyMonth.objects.filter(api_key__account_id=account_id, month=month).values_list("api_key_id", "spent_nano_usd")
    )
    told = key_alerts(account_id)
    for key in keys:
        key.cap_percent_reached = told.get((key.id, key.monthly_cap_nano_usd or 0), 0)  # type: ignore[attr-defined]
        key.spent_month_nano_usd = spent.get(key.id, 0)  # type: ignore[attr-defined]
    return keys


def has_asked(*, account_id: str) -> bool:
    return Hold.objects.filter(account_id=account_id).exists()
