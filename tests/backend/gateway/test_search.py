"""Searches through the gateway: within the budget in tokens and dollars, and charged what the branches' frames say."""

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.metering.services import balance_read
from backend.runs.branches import branches_of_runs
from backend.runs.models import Run
from gpu_node.protocol.frames import BranchClose, BranchOpen, RunStarted
from tests.backend.conftest import PRICE
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import MODEL, NodeProcess
from tests.backend.gateway.runs_checked import all_sound, billed_what_the_engine_counted, log_read, run_settled

TREE = "Which way?"
SLOW = "Think slowly, in many ways."
STRATEGIES = ("majority", "best_of_n", "beam", "mcts", "auto")
SCRIPT: dict[str, Any] = {
    "scores": {"wrong": 0.1, "maybe": 0.5, "right": 0.9},
    "answers": {
        TREE: [
            [{"thought": "wrong"}, {"answer": "1 wrong"}],
            [{"thought": "maybe"}, {"thought": "so then"}, {"answer": "2 maybe"}],
            [{"thought": "maybe"}, {"thought": "surely"}, {"answer": "3 right"}],
            [{"thought": "another way"}, {"answer": "2 maybe"}],
        ],
        SLOW: [[{"thought": "hm " * 2000}, {"answer": "at last"}]],
    },
    "seconds_per_token": 0.001,
}


@pytest.fixture(scope="module")
def searching_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    node = NodeProcess(tmp_path_factory.mktemp("searching"), script=SCRIPT)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def node(searching_node: NodeProcess, settings: Any) -> NodeProcess:
    settings.SVEND_NODES = [searching_node.setting]
    return searching_node


def shape(strategy: str, width: int = 4, depth: int = 4) -> dict[str, object]:
    return {"strategy": strategy, "width": width, "depth": depth}


async def tokens_of_branches(run: Run) -> int:
    """The tokens that the closing frames of the run's branches tell, together; checks that each has one."""
    frames = await log_read(run.id)
    opened = [frame.event.branch_id for frame in frames if isinstance(frame.event, BranchOpen)]
    closed = {frame.event.branch_id: frame.event.usage for frame in frames if isinstance(frame.event, BranchClose)}
    assert sorted(closed) == sorted(opened), run.id
    lines = await service_call(branches_of_runs, account_id=run.account_id, run_ids=[run.id])
    told = {line["branch_id"]: line["num_tokens"] for line in lines.get(run.id, [])}
    assert told == ({number: usage.total_tokens for number, usage in closed.items()} if len(closed) > 1 else {})
    return sum(usage.total_tokens for usage in closed.values())


@pytest.mark.timeout(600)
async def test_random_searches_stay_within_their_budgets_and_cost_what_their_branches_say(
    http: httpx.AsyncClient, node: NodeProcess, customer: Customer
) -> None:
    rng = random.Random(6)
    bodies = []
    for number in range(200):
        body: dict[str, Any] = {"question": TREE, "search": shape(STRATEGIES[number % 5], rng.randint(1, 6), 3)}
        tokens = rng.randrange(40, 400)
        body |= {"max_total_tokens": tokens} if rng.random() < 0.5 else {"max_cost_nano_usd": tokens * PRICE}
        bodies.append(body)
    before = (await service_call(balance_read, customer.account.id)).available_nano_usd
    answers = await asyncio.gather(*(http.post("/v1/reason", json=body) for body in bodies))
    cost_together = 0
    for body, response in zip(bodies, answers, strict=True):
        told = response.json()
        assert response.status_code == 200, told
        run = await service_call(Run.objects.get, id=told["id"])
        record = await service_call(UsageRecord.objects.get, run_id=run.id)
        prompt = told["usage"]["prompt_tokens"] - told["usage"]["prompt_tokens_details"]["tool_result_tokens"]
        assert record.cost_nano_usd == (prompt + await tokens_of_branches(run)) * PRICE
        assert record.cost_nano_usd <= body.get("max_cost_nano_usd", body.get("max_total_tokens", 0) * PRICE)
        assert told["usage"]["total_tokens"] * PRICE == told["cost_nano_usd"] == record.cost_nano_usd
        assert told["search"]["strategy"] == body["search"]["strategy"]
        assert [branch["state"] for branch in told["search"]["branches"]].count("selected") == 1
        cost_together += record.cost_nano_usd
    after = (await service_call(balance_read, customer.account.id)).available_nano_usd
    assert before - after == cost_together
    await billed_what_the_engine_counted(node)
    await all_sound()


@pytest.mark.parametrize("strategy", ["beam", "mcts", "best_of_n"])
async def test_the_critics_answer_is_found(http: httpx.AsyncClient, node: NodeProcess, strategy: str) -> None:
    told = (await http.post("/v1/reason", json={"question": TREE, "search": shape(strategy)})).json()
    assert (told["answer"], told["verification"]) == ("3 right", {"verdict": "accept", "score": 0.9})
    selected = next(branch for branch in told["search"]["branches"] if branch["state"] == "selected")
    assert any(step["branch_id"] == selected["branch_id"] and step["text"] == "3 right" for step in told["steps"])


async def test_a_search_streams_only_what_it_chose(openai_client: AsyncOpenAI, node: NodeProcess) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": TREE}],
        "extra_body": {"svend": {"search": shape("best_of_n"), "verify": True}, "seed": 1},
    }
    whole = (await openai_client.chat.completions.create(**asked)).choices[0].message
    chunks = [chunk async for chunk in await openai_client.chat.completions.create(**asked, stream=True)]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.content == "3 right"
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == whole.reasoning_content == "maybesurely"


async def test_a_client_that_leaves_stops_every_branch_and_pays_what_they_made(
    http: httpx.AsyncClient, node: NodeProcess
) -> None:
    body = {"question": SLOW, "search": shape("best_of_n"), "stream": True}
    async with http.stream("POST", "/v1/reason", json=body) as response:
        run_id = response.headers["x-svend-run-id"]
        async for line in response.aiter_lines():
            if line.startswith("data:") and json.loads(line[5:])["usage"]["completion_tokens"] > 20:
                break
    run = await run_settled(run_id, timeout_seconds=10)
    assert run.status == "cancelled"
    frames = await log_read(run_id)
    assert isinstance(frames[0].event, RunStarted)
    record = await service_call(UsageRecord.objects.get, run_id=run_id)
    prompt = run.prompt_tokens - run.tool_result_tokens
    assert record.cost_nano_usd == (prompt + await tokens_of_branches(run)) * PRICE
    await billed_what_the_engine_counted(node)
    await all_sound()


async def test_the_pages_ask_with_a_search_too(http: httpx.AsyncClient, node: NodeProcess) -> None:
    made = await http.post("/api/conversations", json={"question": TREE, "search": shape("majority", width=3)})
    assert made.status_code == 201, made.text
    run = await run_settled(made.json()["run"]["id"])
    assert run.spec["search"] == shape("majority", width=3)
    too_wide = await http.post("/api/conversations", json={"question": TREE, "search": shape("beam", 16, 16)})
    assert too_wide.status_code == 400
    assert "make it narrower or less deep" in too_wide.text
