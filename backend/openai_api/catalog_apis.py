"""`/v1/models` and `/v1/usage`: what there is, and what was used and charged."""

import datetime as dt
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponseBase
from django.utils import timezone

from backend.core.errors import ApplicationError
from backend.core.threads import service_call
from backend.metering.limits import limits_take
from backend.metering.models import UsageRecord
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import Snapshot, model_resolve, snapshot, version_price
from backend.openai_api.door import Request, answer, v1_view
from backend.runs.models import Run
from backend.runs.services import run_get

USAGE_DAYS_DEFAULT = 30
USAGE_ROWS_MAX = 1000
COUNTERS = ("prompt_tokens", "completion_tokens", "tool_result_tokens", "reasoning_tokens", "cost_nano_usd")
GROUPS = {"day": TruncDate("created_at"), "model": F("model"), "api_key": F("api_key_id")}


async def _limits_read(request: Request) -> None:
    """Counts the request, so that these answers carry the rate-limit headers too."""
    request.answer_headers |= await service_call(limits_take, request.caller, 0)


def _model_object(registry: Snapshot, version: ModelVersion, name: str, price: int | None) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int(version.created_at.timestamp()),
        "owned_by": "svend",
        "root": version.name,
        "aliases": registry.aliases_of(version.name) if name == version.name else [],
        "context_length": version.context_tokens,
        "max_model_len": version.context_tokens,
        "pricing": {"nano_usd_per_token": price},
        "is_ready": registry.has_ready_node(version.name),
    }


@v1_view("inference", methods=("GET",))
async def models(request: Request) -> HttpResponseBase:
    await _limits_read(request)
    registry = await snapshot()
    named = [(name, name) for name in sorted(registry.listed)] + sorted(registry.aliases.items())
    rows = []
    for name, version_name in named:
        version = registry.versions[version_name]
        if version.role == ModelVersion.Role.REASONER:
            price = await service_call(version_price, version)
            rows.append(_model_object(registry, version, name, price))
    return answer({"object": "list", "data": rows})


@v1_view("inference", methods=("GET",))
async def model_detail(request: Request, model_id: str) -> HttpResponseBase:
    await _limits_read(request)
    registry = await snapshot()
    version = model_resolve(registry, model_id)
    price = await service_call(version_price, version)
    return answer(_model_object(registry, version, model_id, price))


@v1_view("usage", methods=("GET",), is_openai_shaped=False)
async def usage(request: Request) -> HttpResponseBase:
    await _limits_read(request)
    start, end = _moment(request, "from"), _moment(request, "to")
    group_by = request.GET.get("group_by", "day")
    if group_by not in GROUPS:
        raise ApplicationError(f"group_by is one of {', '.join(GROUPS)}.", code="invalid_value", param="group_by")
    end = end or timezone.now()
    start = start or end - dt.timedelta(days=USAGE_DAYS_DEFAULT)
    records = UsageRecord.objects.filter(
        account_id=request.caller.account_id, created_at__gte=start, created_at__lt=end
    )
    rows = await service_call(_usage_rows, records, group_by)
    total = {name: sum(int(row[name]) for row in rows) for name in (*COUNTERS, "num_runs")}
    period = {"from": start.isoformat(), "to": end.isoformat()}
    return answer({"object": "list", "group_by": group_by, **period, "data": rows, "total": total})


def _usage_rows(records: QuerySet[UsageRecord], group_by: str) -> list[dict[str, Any]]:
    sums = {name: Sum(name) for name in COUNTERS}
    rows: Any = records.values(**{group_by: GROUPS[group_by]}).annotate(num_runs=Count("run_id"), **sums)
    return [
        {**row, group_by: str(row[group_by]) if row[group_by] is not None else None}
        for row in rows.order_by(group_by)[:USAGE_ROWS_MAX]
    ]


def _moment(request: Request, name: str) -> dt.datetime | None:
    given = request.GET.get(name)
    if not given:
        return None
    try:
        moment = dt.datetime.fromisoformat(given)
    except ValueError as error:
        raise ApplicationError(
            f"{name} must be a date or time in ISO 8601, not {given!r}.", code="invalid_value", param=name
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@v1_view("usage", methods=("GET",), is_openai_shaped=False)
async def usage_detail(request: Request, run_id: str) -> HttpResponseBase:
    """A run's counters and price: final once it is settled, the newest known before that."""
    await _limits_read(request)
    request.answer_headers["x-svend-run-id"] = run_id
    return answer(await service_call(_usage_of_run, run_id=run_id, account_id=request.caller.account_id))


def _usage_of_run(*, run_id: str, account_id: str) -> dict[str, Any]:
    record = UsageRecord.objects.filter(run_id=run_id, account_id=account_id).first()
    if record is None:
        return _usage_so_far(run_get(run_id=run_id, account_id=account_id))
    return {
        "object": "usage",
        "run_id": record.run_id,
        "model": record.model,
        "is_final": True,
        **{name: getattr(record, name) for name in COUNTERS},
        "total_tokens": record.prompt_tokens + record.completion_tokens,
        "price_nano_usd_per_token": record.price_nano_usd_per_token,
        "is_billable": record.is_billable,
        "finish_reason": record.finish_reason,
        "created": int(record.created_at.timestamp()),
    }


def _usage_so_far(run: Run) -> dict[str, Any]:
    return {
        "object": "usage",
        "run_id": run.id,
        "model": run.model,
        "is_final": False,
        **{name: getattr(run, name) for name in COUNTERS},
        "total_tokens": run.prompt_tokens + run.completion_tokens,
        "price_nano_usd_per_token": run.price_nano_usd_per_token,
        "is_billable": None,
        "finish_reason": None,
        "created": int(run.created_at.timestamp()),
    }
