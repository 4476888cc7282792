"""The statement: every change of an account's money with its run and price version; it sums to the nano-dollar."""

import csv
import datetime as dt
import io
from itertools import pairwise

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.utils import timezone

from backend.accounts.models import Account, User
from backend.accounts.services import api_key_create
from backend.core.threads import service_call
from backend.metering import account_statement
from backend.metering.models import Price
from backend.metering.services import (
    TRIAL_GRANT_NANO_USD,
    UsageCounts,
    balance_read,
    credit_grant,
    hold_place,
    price_add,
    run_settle,
)
from backend.runs.branches import branches_of_log
from gpu_node.protocol.frames import BranchClose, BranchOpen, RunEvent, RunFinished, Usage, frame_make
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def client(account: Account, alice: User) -> Client:
    client = Client()
    client.force_login(alice, backend=BACKEND)
    return client


def run(account: Account, number: int, *, is_billable: bool = True, api_key_id: str | None = None) -> str:
    run_id = f"run_statement{number}"
    hold_place(run_id=run_id, account_id=account.id, api_key_id=api_key_id, model=MODEL, bound_tokens=500)
    usage = UsageCounts(prompt_tokens=3, completion_tokens=number, reasoning_tokens=number // 2)
    run_settle(run_id=run_id, usage=usage, is_billable=is_billable)
    return run_id


def pages(client: Client, **query: object) -> tuple[dict, list[dict]]:
    first = client.get("/api/statement", {"limit": 3, **query}).json()
    lines, following = list(first["results"]), first["next"]
    while following:
        page = client.get("/api/statement", {"limit": 3, "cursor": following, **query}).json()
        lines, following = lines + page["results"], page["next"]
    return first, lines


def test_every_line_names_its_run_its_key_and_its_price_version(client: Client, account: Account, price: int) -> None:
    key, _ = api_key_create(account_id=account.id, name="ci")
    first = run(account, 7, api_key_id=key.id)
    newer = price_add(model=MODEL, nano_usd_per_token=PRICE + 1)
    second = run(account, 8)
    _, (late, early, trial) = pages(client)
    assert (late["run_id"], late["price_nano_usd_per_token"], late["price_version"]) == (second, PRICE + 1, newer.pk)
    old = Price.objects.get(model=MODEL, nano_usd_per_token=PRICE)
    assert (early["run_id"], early["api_key_name"], early["price_version"]) == (first, "ci", old.pk)
    assert early["amount_nano_usd"] == -10 * PRICE
    assert (trial["kind"], trial["amount_nano_usd"], trial["run_id"]) == ("grant", TRIAL_GRANT_NANO_USD, "")
    assert trial["reason"] == "trial credit of a new account"


def test_pages_sum_to_the_balance_and_each_line_to_the_next(client: Client, account: Account, price: int) -> None:
    for number in range(10):
        run(account, number, is_billable=number != 4)
    credit_grant(account_id=account.id, amount_nano_usd=7, source="grant:seven", actor="tests", reason="seven")
    hold_place(run_id="run_stillopen", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=500)
    head, lines = pages(client)
    assert len(lines) == 11  # nine charged runs and two grants: an open hold and a free run change nothing
    assert head["closing_nano_usd"] == balance_read(account.id).total_nano_usd == lines[0]["balance_after_nano_usd"]
    assert sum(line["amount_nano_usd"] for line in lines) == head["closing_nano_usd"] - head["opening_nano_usd"]
    for newer, older in pairwise(lines):
        assert newer["balance_after_nano_usd"] - newer["amount_nano_usd"] == older["balance_after_nano_usd"]
    assert lines[-1]["balance_after_nano_usd"] == lines[-1]["amount_nano_usd"]


def test_small_pieces_read_the_same(
    client: Client, account: Account, price: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        run(account, number)
    whole = pages(client)
    monkeypatch.setattr(account_statement, "ENTRIES_MIN", 4)
    monkeypatch.setattr(account_statement, "ENTRIES_PER_LINE", 1)
    assert pages(client) == whole


def test_a_period_opens_where_the_one_before_closed(client: Client, account: Account, price: int) -> None:
    today = timezone.now().date()
    run(account, 7)
    with connection.cursor() as cursor:  # history cannot be changed, so the test makes it older as its owner
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE metering_ledgertransaction SET created_at = created_at - interval '3 days'")
        cursor.execute("SET session_replication_role = origin")
    run(account, 8)
    before, old = pages(client, to=(today - dt.timedelta(days=1)).isoformat())
    since, new = pages(client, **{"from": today.isoformat()})
    assert [line["run_id"] for line in new] == ["run_statement8"]
    assert [line["run_id"] for line in old] == ["run_statement7", ""]
    assert before["closing_nano_usd"] == since["opening_nano_usd"]
    assert since["closing_nano_usd"] == balance_read(account.id).total_nano_usd
    assert client.get("/api/statement?from=2026-02-02&to=2026-01-01").status_code == 400
    assert client.get("/api/statement?cursor=x").status_code == 400


def test_nobody_reads_anothers_statement(client: Client, other_account: Account, price: int) -> None:
    run(other_account, 7)
    _, lines = pages(client)
    assert [line["kind"] for line in lines] == ["grant"]


@pytest.mark.django_db(transaction=True)
async def test_the_csv_sums_to_the_statement(account: Account, alice: User, price: int) -> None:
    def history() -> int:
        key, _ = api_key_create(account_id=account.id, name="=HYPERLINK(1)")
        for number in range(30):
            run(account, number, api_key_id=key.id)
        return balance_read(account.id).total_nano_usd

    balance = await service_call(history)
    client = AsyncClient()
    await client.aforce_login(alice, backend=BACKEND)
    response = await client.get("/api/statement.csv")
    assert response["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in response["content-disposition"]
    text = b"".join([piece async for piece in response.streaming_content]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 31
    assert sum(int(row["amount_nano_usd"]) for row in rows) == balance
    in_dollars = sum(int(row["amount_usd"].replace(".", "")) for row in rows)
    assert in_dollars == balance
    assert rows[0]["balance_after_nano_usd"] == str(balance)
    assert rows[0]["api_key_name"] == "'=HYPERLINK(1)"  # a spreadsheet runs nothing of ours
    assert rows[0]["amount_nano_usd"].startswith("-")


def test_usage_is_filtered_by_key_and_model(client: Client, account: Account, price: int) -> None:
    key, _ = api_key_create(account_id=account.id, name="ci")
    run(account, 7, api_key_id=key.id)
    run(account, 8)
    for query, tokens in ({"key": key.id}, 7), ({"key": "page"}, 8), ({"model": MODEL}, 15), ({"key": "key_x"}, 0):
        summary = client.get("/api/usage/summary", query).json()
        assert sum(day["completion_tokens"] for day in summary["days"]) == tokens
        runs = client.get("/api/usage/runs", query).json()["results"]
        assert sum(line["completion_tokens"] for line in runs) == tokens
    assert client.get("/api/usage/summary").json()["models"] == [MODEL]


def test_a_searched_runs_branches_share_its_tokens() -> None:
    first, second = Usage(prompt_tokens=2, completion_tokens=3), Usage(completion_tokens=8)
    events: list[RunEvent] = [
        BranchClose(branch_id=0, finish_reason="stop", problem=None, usage=first),
        BranchOpen(branch_id=1, parent_id=None, reason="retry after a rejected answer"),
        BranchClose(branch_id=1, finish_reason="stop", problem=None, usage=second),
        RunFinished(finish_reason="stop", answer="y", branch_id=1),
    ]
    frames = [
        frame_make(run_id="run_branches0", epoch=1, seq=seq, at_ms=0, usage=Usage(), event=event)
        for seq, event in enumerate(events, 1)
    ]
    assert branches_of_log(frames) == [
        {"branch_id": 0, "num_tokens": 5, "is_answer": False},
        {"branch_id": 1, "num_tokens": 8, "is_answer": True},
    ]
