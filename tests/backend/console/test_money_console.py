"""The operator's money pages: customers and grants, prices, the proof with each line shown red, the audit log."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.utils import timezone

from backend.accounts.models import Account, User
from backend.accounts.services import operator_create
from backend.billing.auto_settings import settings_write
from backend.console.proof import ProofLine, proof_read
from backend.core.audit import actor_set
from backend.core.models import AuditEntry
from backend.metering.models import LedgerTransaction, Price
from backend.metering.services import (
    TRIAL_GRANT_NANO_USD,
    UsageCounts,
    balance_read,
    hold_place,
    price_add,
    price_read,
    run_settle,
)
from backend.nodes.models import Node
from backend.runs.models import Run, TraceEvent
from gpu_node.protocol.frames import RunFinished, Usage, frame_dump, frame_make
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture(autouse=True)
def _no_nodes(settings) -> None:
    settings.SVEND_NODES = []
    actor_set("")


@pytest.fixture
def operator(account: Account) -> Client:
    from backend.accounts.services import membership_add

    user = operator_create(email="ops@example.org", password="")
    membership_add(account=account, user=user, role="member")
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def post(client: Client, path: str, body: object) -> object:
    return client.post(path, json.dumps(body), content_type="application/json")


def run_live(account: Account, run_id: str) -> None:
    held = hold_place(run_id=run_id, account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=100)
    Run.objects.create(
        id=run_id,
        account=account,
        surface=Run.Surface.ASK,
        question="?",
        model=MODEL,
        spec={},
        max_total_tokens=held.max_total_tokens,
        price_nano_usd_per_token=PRICE,
    )


def run_ended(account: Account, run_id: str, tokens: int = 10) -> None:
    run_live(account, run_id)
    usage = Usage(prompt_tokens=4, completion_tokens=tokens - 4)
    ended = RunFinished(finish_reason="stop", answer='"usage":{"prompt_tokens":99} \0')
    frame = frame_make(run_id=run_id, epoch=1, seq=1, at_ms=0, usage=usage, event=ended)
    TraceEvent.objects.create(run_id=run_id, seq=1, frame=frame_dump(frame), is_terminal=True)
    counts = UsageCounts(prompt_tokens=4, completion_tokens=tokens - 4)
    run_settle(run_id=run_id, usage=counts, is_billable=True)
    Run.objects.filter(id=run_id).update(status=Run.Status.FINISHED, last_seq=1)


# --- Customers


def test_customers_are_listed_with_balance_spend_and_margin(
    operator: Client, account: Account, other_account: Account, price: int
) -> None:
    Node.objects.create(name="a100", url="http://x", price_nano_usd_per_hour=7_000_000)
    Node.objects.update(created_at=timezone.now() - dt.timedelta(days=100))
    run_ended(account, "run_spends0000", tokens=30)
    run_ended(other_account, "run_spends0001", tokens=10)
    body = operator.get("/api/console/customers").json()
    first, second = body["results"][:2]
    assert (first["name"], first["spend_month_nano_usd"], first["runs_month"]) == ("alice", 30 * PRICE, 1)
    assert first["emails"] == ["alice@example.org", "ops@example.org"]
    assert first["balance_nano_usd"] == TRIAL_GRANT_NANO_USD - 30 * PRICE
    month = body["month"]
    assert (month["spend_nano_usd"], month["tokens"]) == (40 * PRICE, 40)
    assert month["fleet_cost_nano_usd"] >= 0  # the month may have just begun
    assert first["margin_month_nano_usd"] == 30 * PRICE - month["fleet_cost_nano_usd"] * 30 // 40
    assert second["name"] == "bob"


def test_customers_are_found_by_name_mail_and_id(operator: Client, account: Account, other_account: Account) -> None:
    for query in ("BOB", "bob@exa", other_account.id):
        assert [row["id"] for row in operator.get("/api/console/customers", {"q": query}).json()["results"]] == [
            other_account.id
        ]
    assert operator.get("/api/console/customers", {"q": "%"}).json()["results"] == []


def test_a_grant_is_given_once_and_audited(operator: Client, account: Account) -> None:
    body = {"id": "grant_test0001", "amount_nano_usd": 5_000_000_000, "reason": "an outage"}
    path = f"/api/console/customers/{account.id}/grants"
    first, again = post(operator, path, body), post(operator, path, body)
    assert (first.status_code, first.json()["is_new"], again.json()["is_new"]) == (201, True, False)
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 5_000_000_000
    customer = first.json()["customer"]
    assert customer["grants"][0]["actor"] == "ops@example.org"
    assert customer["grants"][0]["reason"] == "an outage"
    entry = AuditEntry.objects.get(action="credit.grant", account_id=account.id, actor="ops@example.org")
    assert (entry.reason, entry.request_id[:4]) == ("an outage", "req_")


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"reason": "  "}, "reason", "Say why"),
        ({"amount_nano_usd": 0}, "amount_nano_usd", "at most $10,000.00 at once"),
        ({"amount_nano_usd": 10_000_000_000_001}, "amount_nano_usd", "at most $10,000.00 at once"),
        ({"amount_nano_usd": 100_000_000_001}, "confirm", "type the customer's name 'alice'"),
        ({"amount_nano_usd": 100_000_000_001, "confirm": "bob"}, "confirm", "type the customer's name 'alice'"),
        ({"id": "x"}, "id", "id"),
    ],
)
def test_a_grant_that_should_not_be_is_refused(
    operator: Client, account: Account, changes: dict, param: str, words: str
) -> None:
    body = {"id": "grant_test0001", "amount_nano_usd": 5, "reason": "an outage", **changes}
    answer = post(operator, f"/api/console/customers/{account.id}/grants", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert words in answer.json()["error"]["message"]
    assert not LedgerTransaction.objects.filter(source__startswith="grant:console").exists()


def test_a_large_grant_is_given_by_name(operator: Client, account: Account) -> None:
    body = {"id": "grant_test0001", "amount_nano_usd": 200_000_000_000, "reason": "contract", "confirm": "alice"}
    assert post(operator, f"/api/console/customers/{account.id}/grants", body).status_code == 201
    assert post(operator, "/api/console/customers/acct_nobody/grants", body).status_code == 404


def test_a_customer_gets_nothing_of_it(account: Account, alice: User) -> None:
    client = Client()
    client.force_login(alice, backend=BACKEND)
    for path in ("customers", f"customers/{account.id}", "prices", "proof", "audit", "audit.csv"):
        assert client.get(f"/api/console/{path}").status_code == 403, path
    assert post(client, f"/api/console/customers/{account.id}/grants", {}).status_code == 403
    assert post(client, "/api/console/prices", {}).status_code == 403


# --- Prices


def test_a_price_to_come_waits_for_its_day(operator: Client, price: int) -> None:
    tomorrow = timezone.now() + dt.timedelta(days=1)
    body = {"model": MODEL, "nano_usd_per_token": 4_000, "effective_from": tomorrow.isoformat(), "reason": "costs rose"}
    added = post(operator, "/api/console/prices", body)
    assert (added.status_code, added.json()["state"]) == (201, "coming")
    assert price_read(MODEL) == PRICE
    listed = [row for row in operator.get("/api/console/prices").json() if row["model"] == MODEL]
    assert [(row["nano_usd_per_token"], row["state"]) for row in listed] == [(4_000, "coming"), (PRICE, "current")]
    actor_set("")
    price_add(model=MODEL, nano_usd_per_token=3_500)
    listed = [row for row in operator.get("/api/console/prices").json() if row["model"] == MODEL]
    assert [row["state"] for row in listed] == ["coming", "current", "past"]
    entry = AuditEntry.objects.filter(action="price.add", actor="ops@example.org").get()
    assert (entry.reason, entry.before) == ("costs rose", {"nano_usd_per_token": PRICE})


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"effective_from": "2020-01-01T00:00:00Z"}, "effective_from"),
        ({"nano_usd_per_token": 0}, "nano_usd_per_token"),
        ({"nano_usd_per_token": 2.5}, "nano_usd_per_token"),
        ({"reason": ""}, "reason"),
        ({"model": ""}, "model"),
    ],
)
def test_a_price_that_should_not_be_is_refused(operator: Client, price: int, changes: dict, param: str) -> None:
    body = {"model": MODEL, "nano_usd_per_token": 4_000, "reason": "costs rose", **changes}
    answer = post(operator, "/api/console/prices", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert Price.objects.filter(model=MODEL).count() == 1


# --- The money proof


@pytest.fixture
def _planted() -> Iterator[None]:
    """As the tables' owner with triggers off: what no service and no application role can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = origin")


def plant(statement: str, *args: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, args)
        assert cursor.rowcount >= 1, "nothing was planted"


def lines() -> dict[str, ProofLine]:
    return {line.name: line for line in proof_read()}


def only_broken(name: str) -> str:
    found = lines()
    assert [line.name for line in found.values() if line.state == "broken"] == [name]
    return found[name].first_difference


def test_the_proof_of_sound_books_is_green_and_says_what_it_covers(account: Account, price: int) -> None:
    run_ended(account, "run_ended00000")
    run_live(account, "run_live000000")
    found = lines()
    assert [found[name].state for name in ("entries", "holds", "usage")] == ["holds"] * 3
    assert (found["entries"].num_covered, found["holds"].num_covered, found["usage"].num_covered) == (9, 1, 1)
    assert found["entries"].sums_nano_usd == {"entries": 0}
    assert found["holds"].sums_nano_usd == {"holds": 100 * PRICE, "live_runs": 100 * PRICE}
    assert all(line.wall_ms >= 0 for line in found.values())


@pytest.mark.usefixtures("_planted")
def test_an_unbalanced_transaction_is_named(account: Account, price: int) -> None:
    run_ended(account, "run_ended00000")
    settled = LedgerTransaction.objects.get(source="settle:run_ended00000")
    plant(
        "UPDATE metering_ledgerentry SET amount_nano_usd = amount_nano_usd + 1 WHERE transaction_id = %s"
        " AND ledger_account_id = (SELECT id FROM metering_ledgeraccount WHERE kind = 'revenue')",
        settled.pk,
    )
    assert only_broken("entries") == f"each transaction sums to 0: transaction {settled.pk}: 1 n$"


@pytest.mark.usefixtures("_planted")
def test_a_hold_without_its_run_is_named(account: Account, price: int) -> None:
    run_live(account, "run_live000000")
    plant("DELETE FROM runs_run WHERE id = 'run_live000000'")
    assert only_broken("holds").endswith("run run_live000000: 300000 n$ held, but it is not live")


@pytest.mark.usefixtures("_planted")
def test_a_run_without_its_hold_is_named(account: Account, price: int) -> None:
    run_ended(account, "run_ended00000")
    plant("UPDATE runs_run SET status = 'running'")
    assert only_broken("holds").endswith("run run_ended00000 is live, but nothing is held for it")


@pytest.mark.usefixtures("_planted")
def test_usage_that_is_not_the_logs_is_named(account: Account, price: int) -> None:
    run_ended(account, "run_ended00000")
    plant("UPDATE metering_usagerecord SET reasoning_tokens = reasoning_tokens + 1")
    assert "run run_ended00000: billed 4 + 6 tokens, its log counts 4 + 6" in only_broken("usage")
    plant("UPDATE metering_usagerecord SET reasoning_tokens = 0, prompt_tokens = 3, completion_tokens = 7")
    assert "run run_ended00000: billed 3 + 7 tokens, its log counts 4 + 6" in only_broken("usage")


@pytest.mark.usefixtures("_planted")
def test_cash_that_stripe_does_not_know_is_named(account: Account, price: int) -> None:
    assert lines()["cash"].state == "unchecked"
    plant(
        "WITH t AS (INSERT INTO metering_ledgertransaction (kind, source, run_id, actor, reason, created_at)"
        " VALUES ('topup', 'topup:pi_planted', '', '', '', now() - interval '1 day') RETURNING id)"
        " INSERT INTO metering_ledgerentry (transaction_id, ledger_account_id, amount_nano_usd)"
        " SELECT t.id, metering_ledger_account('cash', NULL), -10000000000 FROM t UNION ALL"
        " SELECT t.id, metering_ledger_account('credit', %s), 10000000000 FROM t",
        account.id,
    )
    plant("UPDATE metering_balance SET available_nano_usd = available_nano_usd + 10000000000")
    assert only_broken("cash").startswith("cash is what Stripe moved: topup:pi_planted: Stripe 0 n$, ledger")


def test_the_operator_sees_the_proof(operator: Client, account: Account, price: int) -> None:
    body = operator.get("/api/console/proof").json()
    assert [line["name"] for line in body["lines"]] == ["entries", "holds", "usage", "cash"]
    assert body["checked_at"]


def test_looking_at_an_unread_stripe_has_it_read(
    operator: Client, price: int, settings, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks() as woken:
        operator.get("/api/console/proof")
    assert woken == []
    settings.STRIPE_API_KEY = "sk_test_only_for_tests"
    with django_capture_on_commit_callbacks() as woken:
        (cash,) = [x for x in operator.get("/api/console/proof").json()["lines"] if x["name"] == "cash"]
    assert (cash["state"], cash["note"]) == ("unchecked", "Stripe's movements are being read")
    assert len(woken) == 1


# --- The audit log


def test_billings_changes_are_in_the_audit_log(account: Account) -> None:
    settings_write(
        account_id=account.id,
        is_enabled=False,
        threshold_cents=500,
        target_cents=2_000,
        monthly_ceiling_cents=10_000,
        actor="alice@example.org",
        now=timezone.now(),
    )
    entry = AuditEntry.objects.get(action="auto_top_up.set")
    assert (entry.area, entry.actor, entry.before) == ("money", "alice@example.org", None)
    assert entry.after is not None
    assert entry.after["is_enabled"] is False


def test_the_audit_log_is_filtered_and_paged(operator: Client, account: Account, price: int) -> None:
    for number in range(55):
        price_add(model=f"m{number}", nano_usd_per_token=1)
    first = operator.get("/api/console/audit", {"area": "prices"}).json()
    rest = operator.get("/api/console/audit", {"area": "prices", "cursor": first["next"]}).json()
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (50, 6, None)
    assert first["results"][0]["target"] == "m54"
    found = operator.get("/api/console/audit", {"q": "alice@"}).json()["results"]
    assert [entry["action"] for entry in found] == ["membership.add"]
    yesterday = (timezone.now() - dt.timedelta(days=1)).date().isoformat()
    assert operator.get("/api/console/audit", {"last_day": yesterday}).json()["results"] == []
    assert operator.get("/api/console/audit", {"area": "weather"}).status_code == 400
    assert operator.get("/api/console/audit", {"cursor": "x"}).status_code == 400


@pytest.mark.django_db(transaction=True)
async def test_the_audit_log_as_csv(account: Account, operator: Client) -> None:
    client = AsyncClient()
    client.cookies = operator.cookies
    response = await client.get("/api/console/audit.csv?area=roles")
    text = b"".join([piece async for piece in response.streaming_content]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["action"] for row in rows] == ["membership.add", "operator.add", "membership.add"]
    assert rows[1]["target"] == "ops@example.org"
