"""Two real nodes: conversations stay, drained nodes get nothing new, a failure before the first token is not seen,
and 500 requests live through a promotion and a rollback.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.accounts.models import User
from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.model_registry.models import ModelVersion
from backend.model_registry.promotions import promote, rollback
from backend.model_registry.reports import report_add
from backend.model_registry.services import DEFAULT_ALIAS, model_version_register, snapshot_forget
from backend.nodes.client import NodeClient
from backend.nodes.models import Node
from backend.nodes.services import node_addresses, nodes_probe
from backend.runs.models import Run
from tests.backend.conftest import PRICE
from tests.backend.gateway.conftest import CONTEXT_TOKENS
from tests.backend.gateway.node_process import DERIVATIVE, MODEL, SCRIPT, NodeProcess
from tests.backend.gateway.runs_checked import all_sound, run_settled, runs_settled
from tests.backend.model_registry.cast import SPEC, result_of

NEXT = "svend-next"
NUM_REQUESTS = 500
REQUESTS_AT_ONCE = 12
SLOW_TO_BEGIN: dict[str, Any] = {**SCRIPT, "seconds_per_token": 3.0}


@pytest.fixture
def two_nodes(tmp_path, settings) -> Iterator[list[NodeProcess]]:
    nodes = [NodeProcess(tmp_path / name, name=name) for name in ("one", "two")]
    for node in nodes:
        node.start()
    settings.SVEND_NODES = [node.setting for node in nodes]
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture
def asked(two_nodes: list[NodeProcess], http: httpx.AsyncClient) -> httpx.AsyncClient:
    return http


async def ask(http: httpx.AsyncClient, **fields: object) -> Run:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], **fields}
    answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return await service_call(Run.objects.get, id=answer.headers["x-svend-run-id"])


async def test_prefix_affinity_over_real_nodes(asked: httpx.AsyncClient) -> None:
    homes = set()
    for name in "abcdef":
        turns = []
        for turn in range(3):
            path = "/api/conversations" if turn == 0 else f"/api/conversations/conv_affinity{name}/runs"
            body = {"question": DERIVATIVE} | ({"id": f"conv_affinity{name}"} if turn == 0 else {})
            made = (await asked.post(path, json=body)).json()
            turns.append(await run_settled((made.get("run") or made)["id"]))
        assert len({run.node_name for run in turns}) == 1
        homes.add(turns[0].node_name)
    assert homes == {"one", "two"}


async def test_drain_sends_nothing_new_to_a_node(asked: httpx.AsyncClient) -> None:
    await service_call(Node.objects.filter(name="one").update, is_draining=True)
    await service_call(snapshot_forget)
    runs = [await ask(asked) for _ in range(6)]
    assert {run.node_name for run in runs} == {"two"}
    await service_call(Node.objects.filter(name="one").update, is_draining=False, is_cordoned=True)
    await service_call(snapshot_forget)
    assert (await ask(asked)).node_name == "two"


async def test_retry_before_the_first_token_is_one_run_and_one_charge(
    two_nodes: list[NodeProcess], tmp_path, settings, http: httpx.AsyncClient
) -> None:
    slow = NodeProcess(tmp_path / "slow", name="slow", script=SLOW_TO_BEGIN)
    slow.start()
    one, two = two_nodes
    try:
        settings.SVEND_NODES = [slow.setting]
        await nodes_probe()
        await service_call(snapshot_forget)
        body = {"question": DERIVATIVE, "model": MODEL, "background": True}
        run_id = (await http.post("/v1/reason", json=body)).json()["id"]
        async with asyncio.timeout(20):
            while (await service_call(Run.objects.get, id=run_id)).node_name != "slow":
                await asyncio.sleep(0.02)
        settings.SVEND_NODES = [slow.setting, one.setting, two.setting]
        await nodes_probe()
        await service_call(snapshot_forget)
        slow.kill()
        run = await run_settled(run_id)
    finally:
        slow.stop()
    assert (run.status, run.answer, run.epoch) == ("finished", "3x² + 2", 2)
    assert run.node_name in ("one", "two")
    record = await service_call(UsageRecord.objects.get, run_id=run_id)
    assert record.cost_nano_usd == (record.prompt_tokens + record.completion_tokens) * PRICE
    frames = (await http.get(f"/v1/reason/{run_id}")).json()
    assert frames["status"] == "finished"
    await all_sound()


async def test_a_node_that_restarts_before_the_first_token_takes_the_run_again(
    tmp_path, settings, http: httpx.AsyncClient
) -> None:
    node = NodeProcess(tmp_path / "slow", script=SLOW_TO_BEGIN)
    node.start()
    settings.SVEND_NODES = [node.setting]
    try:
        await nodes_probe()
        await service_call(snapshot_forget)
        body = {"question": DERIVATIVE, "model": MODEL, "background": True}
        run_id = (await http.post("/v1/reason", json=body)).json()["id"]
        async with asyncio.timeout(20):
            while run_id not in (await NodeClient(node_addresses()["local"]).info()).running_runs:
                await asyncio.sleep(0.02)
        node.kill()
        (node.folder / "script.json").write_text(json.dumps(SCRIPT))
        await asyncio.to_thread(node.start)
        run = await run_settled(run_id)
    finally:
        node.stop()
    assert (run.status, run.answer, run.epoch, run.node_name) == ("finished", "3x² + 2", 2, "local")
    await all_sound()


async def test_a_node_that_is_gone_loses_its_runs_unseen(
    two_nodes: list[NodeProcess], asked: httpx.AsyncClient
) -> None:
    two_nodes[0].kill()  # and nobody has probed since
    runs = await asyncio.gather(*(ask(asked) for _ in range(8)))
    assert {run.node_name for run in runs} == {"two"}
    await all_sound()


# --- A promotion and a rollback under load


@pytest.fixture
def rolling_nodes(tmp_path, settings) -> Iterator[list[NodeProcess]]:
    """Node `one` serves the old version, node `two` the new one."""
    nodes = [NodeProcess(tmp_path / "one", name="one"), NodeProcess(tmp_path / "two", name="two", model=NEXT)]
    for node in nodes:
        node.start()
    settings.SVEND_NODES = [node.setting for node in nodes]
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture
def candidate(rolling_nodes: list[NodeProcess], registry: ModelVersion) -> ModelVersion:
    version = model_version_register(
        name=NEXT, role="reasoner", context_tokens=CONTEXT_TOKENS, num_parameters=1, vocab_size=270
    )
    report_add(version=registry, result=result_of({"algebra": 40}), spec=SPEC)
    report_add(version=version, result=result_of({"algebra": 44}), spec=SPEC)
    return version


@pytest.mark.timeout(300)
async def test_500_requests_during_a_promotion_and_a_rollback_fail_not_once(
    candidate: ModelVersion, http: httpx.AsyncClient
) -> None:
    operator = await service_call(User.objects.create_user, "operator@example.org", "correct horse battery")
    answered: Counter[str] = Counter()
    left = iter(range(NUM_REQUESTS))

    async def asking() -> None:
        for _ in left:
            body = {"model": DEFAULT_ALIAS, "messages": [{"role": "user", "content": "hello"}]}
            answer = await http.post("/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
            answered[answer.json()["model"]] += 1

    async def until(share: float) -> None:
        while answered.total() < share * NUM_REQUESTS:
            await asyncio.sleep(0.02)

    async def moving() -> None:
        await until(0.3)
        move = {"alias": DEFAULT_ALIAS, "promoted_by_id": operator.pk}
        promotion = await service_call(promote, version=candidate, reason="better", **move)  # type: ignore[arg-type]
        assert promotion.state == "effective"
        await until(0.7)
        await service_call(rollback, reason="back again", **move)  # type: ignore[arg-type]

    async with asyncio.TaskGroup() as group:
        group.create_task(moving())
        for _ in range(REQUESTS_AT_ONCE):
            group.create_task(asking())
    assert answered.total() == NUM_REQUESTS
    assert answered[MODEL] > 100
    assert answered[NEXT] > 100
    await runs_settled()
    assert await service_call(lambda: set(Run.objects.values_list("status", flat=True))) == {"finished"}
    await all_sound()
