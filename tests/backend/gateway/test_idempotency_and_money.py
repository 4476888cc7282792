"""Repeats, cancelling and small balances over /v1: one run, one charge, and clear words when money is short."""

import asyncio

import httpx
import pytest

from backend.core.threads import service_call
from backend.metering.caps import account_cap_set
from backend.metering.models import UsageRecord
from backend.metering.services import balance_read, credit_grant
from backend.runs.models import Run
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import DERIVATIVE, MODEL, SLOW, NodeProcess
from tests.backend.gateway.runs_checked import all_sound, billed_what_the_engine_counted, run_settled

HI = [{"role": "user", "content": "hi"}]


async def test_same_key_and_body_is_one_run(http: httpx.AsyncClient, node: NodeProcess) -> None:
    headers = {"idempotency-key": "k1"}
    body = {"question": DERIVATIVE}
    answers = await asyncio.gather(*(http.post("/v1/reason", json=body, headers=headers) for _ in range(8)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.json()["answer"] for answer in answers} == {"3x² + 2"}
    assert await service_call(UsageRecord.objects.count) == 1
    other = await http.post("/v1/reason", json={"question": "another"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_error")
    await all_sound()


async def test_a_refused_request_does_not_use_up_its_key(http: httpx.AsyncClient, node: NodeProcess) -> None:
    headers = {"idempotency-key": "k2"}
    refused = await http.post("/v1/reason", json={"question": "hi", "model": "nobody"}, headers=headers)
    assert refused.status_code == 404
    assert (await http.post("/v1/reason", json={"question": "hi"}, headers=headers)).status_code == 200


async def test_cancel_bills_what_was_made(http: httpx.AsyncClient, node: NodeProcess) -> None:
    run_id = (await http.post("/v1/reason", json={"question": SLOW, "background": True})).json()["id"]
    async with asyncio.timeout(30):
        while not (await http.get(f"/v1/reason/{run_id}")).json()["usage"]["completion_tokens"]:
            await asyncio.sleep(0.05)
    assert (await http.post(f"/v1/reason/{run_id}/cancel")).status_code == 200
    run = await run_settled(run_id)
    assert run.status == "cancelled"
    assert run.cost_nano_usd > 0
    assert await billed_what_the_engine_counted(node) == 1
    again = await http.post(f"/v1/reason/{run_id}/cancel")
    assert again.json()["cost_nano_usd"] == run.cost_nano_usd


async def test_no_money_is_402_on_reason_and_429_for_openais_clients(
    http: httpx.AsyncClient, node: NodeProcess, stranger: Customer
) -> None:
    await service_call(spend_all, stranger)
    reason = await http.post("/v1/reason", json={"question": "hi"}, headers=stranger.headers)
    assert (reason.status_code, reason.json()["error"]["code"]) == (402, "insufficient_quota")
    chat = await http.post("/v1/chat/completions", json={"messages": HI}, headers=stranger.headers)
    assert (chat.status_code, chat.json()["error"]["code"]) == (429, "insufficient_quota")
    assert chat.headers["x-should-retry"] == "false"


async def test_a_reached_cap_stops_with_its_reason_in_each_doors_words(
    http: httpx.AsyncClient, node: NodeProcess, customer: Customer
) -> None:
    await service_call(account_cap_set, account_id=customer.account.id, monthly_cap_nano_usd=0)
    reason = await http.post("/v1/reason", json={"question": "hi"})
    assert (reason.status_code, reason.json()["error"]["code"]) == (402, "spend_cap_reached")
    chat = await http.post("/v1/chat/completions", json={"messages": HI})
    assert (chat.status_code, chat.json()["error"]["code"]) == (429, "insufficient_quota")
    for refused in (reason, chat):
        assert "your account's monthly cap of $0.00 leaves 0" in refused.json()["error"]["message"]
        assert refused.headers["x-should-retry"] == "false"
    await service_call(account_cap_set, account_id=customer.account.id, monthly_cap_nano_usd=None)
    assert (await http.post("/v1/reason", json={"question": "hi"})).status_code == 200
    await all_sound()


def spend_all(customer: Customer) -> None:
    from backend.metering.services import UsageCounts, hold_place, run_settle

    tokens = balance_read(customer.account.id).available_nano_usd // 3000
    hold_place(
        run_id="run_spender000", account_id=customer.account.id, api_key_id=None, model=MODEL, bound_tokens=tokens
    )
    usage = UsageCounts(prompt_tokens=tokens, completion_tokens=0)
    run_settle(run_id="run_spender000", usage=usage, is_billable=True)


async def test_a_small_balance_stops_by_budget_or_says_what_is_short(
    http: httpx.AsyncClient, node: NodeProcess, stranger: Customer
) -> None:
    await service_call(spend_all, stranger)
    await service_call(grant_tokens, stranger, 60)
    answer = await http.post("/v1/reason", json={"question": SLOW}, headers=stranger.headers)
    assert (answer.status_code, answer.json()["finish_reason"]) == (200, "budget")
    assert answer.json()["usage"]["total_tokens"] == 60
    await service_call(grant_tokens, stranger, 5)
    before = await service_call(balance_read, stranger.account.id)
    short = await http.post("/v1/reason", json={"question": SLOW}, headers=stranger.headers)
    assert (short.status_code, short.json()["error"]["code"]) == (402, "insufficient_quota")
    assert await service_call(balance_read, stranger.account.id) == before
    await all_sound()


def grant_tokens(customer: Customer, tokens: int) -> None:
    credit_grant(
        account_id=customer.account.id,
        amount_nano_usd=tokens * 3000,
        source=f"grant:{tokens}",
        actor="tests",
        reason="a little",
    )


async def test_budget_is_length_for_openais_clients(http: httpx.AsyncClient, node: NodeProcess) -> None:
    answer = await http.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": SLOW}], "max_tokens": 9}
    )
    choice = answer.json()["choices"][0]
    assert (choice["finish_reason"], answer.json()["usage"]["completion_tokens"]) == ("length", 9)


async def test_every_answer_has_its_headers(http: httpx.AsyncClient, node: NodeProcess) -> None:
    answer = await http.post("/v1/reason", json={"question": "hi"})
    names = {f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")}
    assert names <= set(answer.headers)
    assert answer.headers["x-svend-run-id"] == answer.json()["id"]
    assert names <= set((await http.get("/v1/models")).headers)


@pytest.mark.parametrize(
    "path", ["/v1/reason/{}", "/v1/reason/{}/events", "/v1/usage/{}", "/api/runs/{}", "/api/runs/{}/events"]
)
async def test_another_accounts_run_looks_like_none(
    http: httpx.AsyncClient, node: NodeProcess, stranger: Customer, path: str
) -> None:
    run_id = (await http.post("/v1/reason", json={"question": "hi"})).json()["id"]
    assert (await http.get(path.format(run_id))).status_code == 200
    theirs = await http.get(path.format(run_id), headers=stranger.headers)
    assert (theirs.status_code, theirs.json()["error"]["code"]) == (404, "run_not_found")


async def test_another_accounts_run_cannot_be_stopped(
    http: httpx.AsyncClient, node: NodeProcess, stranger: Customer
) -> None:
    run_id = (await http.post("/v1/reason", json={"question": SLOW, "background": True})).json()["id"]
    for path in (f"/v1/reason/{run_id}/cancel", f"/api/runs/{run_id}/cancel"):
        assert (await http.post(path, headers=stranger.headers)).status_code == 404
    assert (await service_call(Run.objects.get, id=run_id)).cancel_requested_at is None
    await http.post(f"/api/runs/{run_id}/cancel")
    assert (await run_settled(run_id)).status == "cancelled"
