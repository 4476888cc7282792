"""Processes that die in mid-run: the complete trace without gap or repeat, or one honest failure that costs nothing."""

import asyncio

import httpx
import pytest
from django.utils import timezone
from redis.asyncio import Redis

from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.runs import advance as advance_module
from backend.runs import follow
from backend.runs.advance import advance
from backend.runs.models import Run
from backend.runs.services import runs_due
from tests.backend.gateway.node_process import DERIVATIVE, SLOW, TALE, NodeProcess
from tests.backend.gateway.runs_checked import all_sound, billed_what_the_engine_counted, log_read, run_settled


async def begun(http: httpx.AsyncClient, question: str) -> str:
    """A background run whose first tokens are in the log."""
    response = await http.post("/v1/reason", json={"question": question, "background": True})
    run_id = response.json()["id"]
    async with asyncio.timeout(30):
        while not (await service_call(Run.objects.get, id=run_id)).completion_tokens:
            await asyncio.sleep(0.05)
    return run_id


def tasks_of(run_id: str) -> list[asyncio.Task[None]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == f"advance {run_id}"]


async def test_node_killed_and_back_fails_the_run_for_nothing(own_node: NodeProcess, http: httpx.AsyncClient) -> None:
    run_id = await begun(http, SLOW)
    own_node.kill()
    own_node.start()
    run = await run_settled(run_id, timeout_seconds=60)
    assert (run.status, run.error_code, run.cost_nano_usd) == ("failed", "node_restarted", 0)
    assert (await service_call(UsageRecord.objects.get, run_id=run_id)).is_billable is False
    await billed_what_the_engine_counted(own_node)
    await all_sound()
    assert (await http.post("/v1/reason", json={"question": DERIVATIVE})).json()["answer"] == "3x² + 2"


async def test_node_killed_for_good_fails_the_run_for_nothing(
    own_node: NodeProcess, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance_module, "NODE_LOST_SECONDS", 1.0)
    run_id = await begun(http, SLOW)
    own_node.kill()
    run = await run_settled(run_id)
    assert (run.status, run.error_code, run.cost_nano_usd) == ("failed", "node_unreachable", 0)
    body = (await http.get(f"/v1/reason/{run_id}")).json()
    assert body["error"]["code"] == "node_unreachable"
    assert (await log_read(run_id))[-1].event.type == "run.failed"
    await all_sound()


async def test_a_dead_advancer_is_replaced_without_gap_or_repeat(node: NodeProcess, http: httpx.AsyncClient) -> None:
    run_id = await begun(http, TALE)
    (task,) = tasks_of(run_id)
    task.cancel()  # as the end of the process would
    await asyncio.gather(task, return_exceptions=True)
    assert await service_call(runs_due) == []  # its lease still holds
    await advance(run_id)
    assert (await service_call(Run.objects.get, id=run_id)).is_live
    await service_call(Run.objects.filter(id=run_id).update, lease_until=timezone.now())
    assert await service_call(runs_due) == [run_id]
    await advance(run_id)
    assert (await run_settled(run_id)).status == "finished"
    assert await billed_what_the_engine_counted(node) == 1
    await all_sound()


async def test_many_advancers_do_the_work_of_one(node: NodeProcess, http: httpx.AsyncClient) -> None:
    run_id = await begun(http, TALE)
    (task,) = tasks_of(run_id)
    await service_call(Run.objects.filter(id=run_id).update, lease_until=timezone.now())
    await asyncio.gather(task, *(advance(run_id) for _ in range(4)))
    assert (await run_settled(run_id)).status == "finished"
    assert await billed_what_the_engine_counted(node) == 1
    await all_sound()


async def test_a_bounded_advance_hands_over(node: NodeProcess, http: httpx.AsyncClient) -> None:
    run_id = await begun(http, TALE)
    (task,) = tasks_of(run_id)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await service_call(Run.objects.filter(id=run_id).update, lease_until=timezone.now())
    while (await service_call(Run.objects.get, id=run_id)).is_live:
        await advance(run_id, seconds_max=1.0)
    assert await billed_what_the_engine_counted(node) == 1
    await all_sound()


async def test_valkey_dropping_everybody_costs_no_frame(
    node: NodeProcess, http: httpx.AsyncClient, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "is_advanced_here", lambda run_id: False)  # as for a reader in another process
    response = await http.post("/v1/reason", json={"question": TALE, "background": True})
    run_id = response.json()["id"]
    reading = asyncio.create_task(http.get(f"/v1/reason/{run_id}/events"))
    async with Redis.from_url(settings.REDIS_URL) as valkey:
        for _ in range(5):
            await asyncio.sleep(0.3)
            for kind in ("normal", "pubsub"):
                await valkey.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    text = (await reading).text
    seqs = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    assert seqs == list(range(1, (await run_settled(run_id)).last_seq + 1))
    await all_sound()


async def test_cancelled_before_any_node_heard_of_it(node: NodeProcess, http: httpx.AsyncClient, monkeypatch) -> None:
    from backend.openai_api import running

    async def nobody(run_id: str) -> None: ...

    monkeypatch.setattr(running, "advance_spawn", lambda run_id: asyncio.ensure_future(nobody(run_id)))
    run_id = (await http.post("/v1/reason", json={"question": TALE, "background": True})).json()["id"]
    assert (await http.post(f"/v1/reason/{run_id}/cancel")).status_code == 200
    await advance(run_id)
    run = await run_settled(run_id)
    assert (run.status, run.cost_nano_usd, run.is_billable) == ("cancelled", 0, True)
    await all_sound()
