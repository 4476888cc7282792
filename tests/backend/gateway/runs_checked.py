"""What must hold of runs at rest: settled, logged without a gap, billed what the engine counted, money sound."""

import asyncio

import httpx

from backend.core.threads import service_call
from backend.metering.ledger_check import ledger_check
from backend.metering.models import UsageRecord
from backend.runs.models import Run, TraceEvent
from backend.runs.services import LIVE
from gpu_node.protocol.frames import frame_parse
from tests.backend.conftest import PRICE
from tests.backend.gateway.node_process import SECRET, NodeProcess


async def runs_settled(timeout_seconds: float = 30.0) -> None:
    """Waits until no run is live."""
    async with asyncio.timeout(timeout_seconds):
        while await service_call(Run.objects.filter(LIVE).exists):
            await asyncio.sleep(0.02)


async def run_settled(run_id: str, timeout_seconds: float = 30.0) -> Run:
    async with asyncio.timeout(timeout_seconds):
        while True:
            run = await service_call(Run.objects.get, id=run_id)
            if not run.is_live:
                return run
            await asyncio.sleep(0.01)


def log_of(run_id: str):
    return [frame_parse(row.frame) for row in TraceEvent.objects.filter(run_id=run_id).order_by("seq")]


async def log_read(run_id: str):
    return await service_call(log_of, run_id)


def money_is_sound() -> None:
    report = ledger_check()
    assert report.problems == []
    assert report.num_open_holds == 0
    assert report.entries_sum_nano_usd == 0


def logs_are_whole() -> None:
    for run in Run.objects.all():
        seqs = [frame.seq for frame in log_of(run.id)]
        assert seqs == list(range(1, run.last_seq + 1)), run.id


async def all_sound() -> None:
    await service_call(money_is_sound)
    await service_call(logs_are_whole)


COUNTERS = ("prompt_tokens", "completion_tokens", "tool_result_tokens", "reasoning_tokens")


async def node_counters(node: NodeProcess) -> dict[str, dict[str, int]]:
    """The node's own final counters by run: `GET /usage`."""
    counters: dict[str, dict[str, int]] = {}
    after = 0
    async with httpx.AsyncClient(base_url=node.url, headers={"authorization": f"Bearer {SECRET}"}) as client:
        while rows := (await client.get("/usage", params={"after": after})).json()["rows"]:
            counters |= {row["run_id"]: row["usage"] for row in rows}
            after = rows[-1]["position"]
    return counters


async def billed_what_the_engine_counted(node: NodeProcess) -> int:
    """Compares every usage record with the node's journal; returns how many."""
    counters = await node_counters(node)
    records = await service_call(lambda: list(UsageRecord.objects.all()))
    for record in records:
        # A run whose client left before any node heard of it was counted by nobody: it must have cost nothing.
        counted = counters.get(record.run_id) or dict.fromkeys(COUNTERS, 0)
        assert {name: getattr(record, name) for name in counted} == counted, record.run_id
        total = counted["prompt_tokens"] + counted["completion_tokens"]
        assert record.cost_nano_usd == (total * PRICE if record.is_billable else 0)
    return len(records)
