"""The fleet as an operator sees it: each node's state and work, and its cost beside the tokens sold on it.

Derived at each call from the rows of nodes, runs and usage; nothing is stored. Money is integer nano-dollars.
"""

from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Sum
from django.utils import timezone
from redis.exceptions import RedisError

from backend.jobs.job_json import time_json
from backend.jobs.models import AttemptNode, FollowCursor
from backend.metering.models import UsageRecord
from backend.nodes.fleet import node_get
from backend.nodes.models import Node
from backend.nodes.services import node_is_lost
from backend.runs.models import Run

WINDOW = timedelta(hours=24)
WINDOW_HOURS = 24
SOLD_SECONDS = 15  # a day's usage is summed for all who watch together


def node_state(node: Node) -> str:
    if node.info is None:
        return "foreign" if "another protocol" in node.probe_error else "never_reached"
    if node.probe_error:
        if "another protocol" in node.probe_error:
            return "foreign"
        return "lost" if node_is_lost(node) else "unreachable"
    if node.is_draining or node.info["is_draining"]:
        return "draining"
    return "cordoned" if node.is_cordoned else "ready"


def _sold(node: Node) -> dict[str, int]:
    """Tokens and revenue of the runs that the node answered in the window, at most SOLD_SECONDS old."""
    key = f"fleet.sold.{node.id}"
    try:
        known: dict[str, int] | None = cache.get(key)
        if known is None:
            known = _sold_read(node)
            cache.set(key, known, timeout=SOLD_SECONDS)
    except (RedisError, OSError):
        return _sold_read(node)
    return known


def _sold_read(node: Node) -> dict[str, int]:
    since = timezone.now() - WINDOW
    runs = Run.objects.filter(node_name=node.name, created_at__gte=since - timedelta(hours=1)).values("id")
    sold = UsageRecord.objects.filter(run_id__in=runs, created_at__gte=since, is_billable=True)
    sums = sold.aggregate(prompt=Sum("prompt_tokens"), completion=Sum("completion_tokens"), cost=Sum("cost_nano_usd"))
    tokens = (sums["prompt"] or 0) + (sums["completion"] or 0)
    return {"tokens_sold_24h": tokens, "revenue_24h_nano_usd": sums["cost"] or 0}


def node_json(node: Node) -> dict[str, Any]:
    parts = AttemptNode.objects.filter(node=node, ended_at__isnull=True, attempt__ended_at__isnull=True)
    sold = _sold(node)
    cost = node.price_nano_usd_per_hour * WINDOW_HOURS
    cursor = FollowCursor.objects.filter(node=node).first()
    return {
        "name": node.name,
        "url": node.url,
        "state": node_state(node),
        "role": node.role,
        "is_trusted": node.is_trusted,
        "is_cordoned": node.is_cordoned,
        "is_draining": node.is_draining,
        "info": node.info,
        "seen_at": time_json(node.seen_at),
        "probed_at": time_json(node.probed_at),
        "probe_error": node.probe_error,
        "follow_error": cursor.error if cursor else "",
        "silent_seconds": node.silent_seconds,
        "running_jobs": [
            {
                "job_id": part.attempt.job_id,
                "job_name": part.attempt.job.name,
                "epoch": part.attempt.epoch,
                "node_rank": part.node_rank,
                "status": part.attempt.job.status,
                "step": part.attempt.job.step,
                "num_steps": part.attempt.job.num_steps,
            }
            for part in parts.select_related("attempt__job").order_by("id")
        ],
        "price_nano_usd_per_hour": node.price_nano_usd_per_hour,
        "cost_24h_nano_usd": cost,
        **sold,
        "margin_24h_nano_usd": sold["revenue_24h_nano_usd"] - cost,
        "added_by": node.added_by.email if node.added_by else None,
        "created_at": time_json(node.created_at),
    }


def fleet_read() -> list[dict[str, Any]]:
    return [
        node_json(node) for node in Node.objects.filter(is_enabled=True).select_related("added_by").order_by("name")
    ]


def node_read(name: str) -> dict[str, Any]:
    """Raises NotFound."""
    return node_json(node_get(name))
