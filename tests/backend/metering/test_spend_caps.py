"""Monthly caps of an account and a key: a hard stop with its reason and cure, and each threshold told once."""

import datetime as dt
import json
import threading

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.accounts.models import Account, User
from backend.accounts.services import api_key_create
from backend.core.ids import run_id_make
from backend.core.models import AuditEntry
from backend.metering import caps
from backend.metering.caps import account_cap_read, account_cap_set, alerts_mail, key_cap_set
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, SpendAlert
from backend.metering.services import InsufficientFunds, SpendCapReached, UsageCounts, hold_place, run_settle
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db

CAP = 1_000 * PRICE


def spend(account: Account, tokens: int, *, api_key_id: str | None = None) -> None:
    run_id = run_id_make()
    hold_place(run_id=run_id, account_id=account.id, api_key_id=api_key_id, model=MODEL, bound_tokens=tokens)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=tokens, completion_tokens=0), is_billable=True)


def percents(account: Account) -> list[int]:
    return list(SpendAlert.objects.filter(account=account).order_by("percent").values_list("percent", flat=True))


def test_an_accounts_cap_lowers_the_hold_and_then_stops(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    spend(account, 900)
    held = hold_place(run_id="run_last0000", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=500)
    assert held.max_total_tokens == 100
    with pytest.raises(SpendCapReached) as refused:
        hold_place(run_id="run_over0000", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=500)
    message = refused.value.message
    assert "your account's monthly cap of $0.003 leaves 0" in message
    assert "$0.0027 is spent and $0.0003 set aside for running questions this month" in message
    assert "Raise the cap at http://127.0.0.1:8000/usage" in message
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=2 * CAP)
    spend(account, 500)
    assert ledger_check().is_sound


def test_a_keys_cap_names_the_key_and_its_page(account: Account, price: int) -> None:
    key, _ = api_key_create(account_id=account.id, name="ci", monthly_cap_nano_usd=CAP)
    spend(account, 1_000, api_key_id=key.id)
    with pytest.raises(SpendCapReached, match=r"this API key's monthly cap of \$0.003 leaves 0.*/keys"):
        spend(account, 10, api_key_id=key.id)
    key_cap_set(account_id=account.id, api_key_id=key.id, monthly_cap_nano_usd=None)
    spend(account, 10, api_key_id=key.id)


def test_an_empty_balance_is_no_cap(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=10**12)
    spend(account, 10**9 // PRICE)
    with pytest.raises(InsufficientFunds, match="Add credit") as refused:
        spend(account, 10)
    assert not isinstance(refused.value, SpendCapReached)


def test_a_new_month_begins_at_nothing(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    hold_place(run_id="run_lastmonth", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=1_000)
    month = caps.month_now()
    before = (month - dt.timedelta(days=1)).replace(day=1)
    Balance.objects.update(month=before)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE metering_hold SET month = %s", [before])
    spend(account, 1_000)  # the cap of this month is whole
    run_settle(run_id="run_lastmonth", usage=UsageCounts(prompt_tokens=9, completion_tokens=0), is_billable=True)
    found = account_cap_read(account.id)
    assert (found.spent_nano_usd, found.held_nano_usd) == (1_000 * PRICE, 0)
    assert found.resets_on == caps.month_after(month)
    assert ledger_check().is_sound


def test_each_threshold_is_told_once_by_mail(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    spend(account, 499)
    assert (percents(account), alerts_mail()) == ([], 0)
    for tokens, percent in ((1, 50), (300, 80), (200, 100)):
        spend(account, tokens)
        assert account_cap_read(account.id).percent_reached == percent
        assert (alerts_mail(), alerts_mail()) == (1, 0)
    assert percents(account) == [50, 80, 100]
    assert [message.to for message in mail.outbox] == [["alice@example.org"]] * 3
    first, _, last = mail.outbox
    assert first.subject == "[Svend] Your account has used 50 % of its monthly cap of $0.003"
    assert last.subject == "[Svend] Your account has reached its monthly cap of $0.003"
    assert "refused until the cap is raised" in last.body
    assert "/usage" in last.body


def test_thresholds_passed_together_are_one_mail(account: Account, price: int) -> None:
    key, _ = api_key_create(account_id=account.id, name="ci", monthly_cap_nano_usd=CAP)
    spend(account, 1_000, api_key_id=key.id)
    assert percents(account) == [50, 80, 100]
    assert (alerts_mail(), len(mail.outbox)) == (1, 1)
    assert mail.outbox[0].subject == '[Svend] The API key "ci" has reached its monthly cap of $0.003'
    assert caps.key_alerts(account.id) == {(key.id, CAP): 100}


def test_a_cap_that_no_token_fits_under_is_reached(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP + PRICE - 1)
    spend(account, 1_000)
    assert percents(account) == [50, 80, 100]


def test_a_lowered_cap_tells_what_is_behind_and_a_raised_one_begins_again(account: Account, price: int) -> None:
    spend(account, 900)
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    assert account_cap_read(account.id).percent_reached == 80
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=4 * CAP)
    assert account_cap_read(account.id).percent_reached == 0
    spend(account, 1_100)
    assert account_cap_read(account.id).percent_reached == 50


def test_hold_and_settle_are_one_round_trip_each(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    key, _ = api_key_create(account_id=account.id, name="ci", monthly_cap_nano_usd=CAP)
    with CaptureQueriesContext(connection) as holding:
        hold_place(run_id="run_counted0", account_id=account.id, api_key_id=key.id, model=MODEL, bound_tokens=9)
    with CaptureQueriesContext(connection) as settling:
        run_settle(run_id="run_counted0", usage=UsageCounts(prompt_tokens=9, completion_tokens=0), is_billable=True)
    assert (len(holding), len(settling)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_race_for_the_last_of_a_cap_spends_no_more(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            spend(account, 200)
            outcomes.append("spent")
        except SpendCapReached:
            outcomes.append("capped")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while outcomes.count("spent") < 5:  # refused while others' money was set aside: they ask again
        ask()
    assert account_cap_read(account.id).spent_nano_usd == CAP
    assert percents(account) == [50, 80, 100]
    assert ledger_check().is_sound


@pytest.mark.django_db(transaction=True)
def test_two_workers_mail_an_alert_once(account: Account, price: int) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=CAP)
    spend(account, 500)
    sent: list[int] = []

    def tick() -> None:
        sent.append(alerts_mail())
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(sent), len(mail.outbox)) == (1, 1)


# --- The API


@pytest.fixture
def client(account: Account, alice: User) -> Client:
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def send(client: Client, method: str, path: str, body: object) -> object:
    return getattr(client, method)(path, json.dumps(body), content_type="application/json")


def test_the_cap_is_set_read_and_taken_away(client: Client, account: Account, price: int) -> None:
    put = send(client, "put", "/api/spend-cap", {"monthly_cap_nano_usd": CAP})
    assert put.status_code == 200
    spend(account, 600)
    found = client.get("/api/spend-cap").json()
    assert (found["monthly_cap_nano_usd"], found["spent_nano_usd"], found["percent_reached"]) == (CAP, 600 * PRICE, 50)
    assert found["resets_on"] > timezone.now().date().isoformat()
    assert send(client, "put", "/api/spend-cap", {"monthly_cap_nano_usd": None}).json()["monthly_cap_nano_usd"] is None
    entries = AuditEntry.objects.filter(action="account.cap").order_by("id")
    assert [(e.actor, e.before, e.after) for e in entries] == [
        ("alice@example.org", {"monthly_cap_nano_usd": None}, {"monthly_cap_nano_usd": CAP}),
        ("alice@example.org", {"monthly_cap_nano_usd": CAP}, {"monthly_cap_nano_usd": None}),
    ]
    assert all(entry.request_id.startswith("req_") for entry in entries)


@pytest.mark.parametrize("cap", [-1, 10**15 + 1, "five", 1.5, {}])
def test_a_cap_of_no_sensible_amount_is_refused(client: Client, account: Account, cap: object) -> None:
    answer = send(client, "put", "/api/spend-cap", {"monthly_cap_nano_usd": cap})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "monthly_cap_nano_usd")


def test_a_keys_cap_is_changed_by_its_account_only(client: Client, account: Account, other_account: Account) -> None:
    key, _ = api_key_create(account_id=account.id, name="ci")
    answer = send(client, "patch", f"/api/keys/{key.id}", {"monthly_cap_nano_usd": CAP})
    assert (answer.status_code, answer.json()["monthly_cap_nano_usd"]) == (200, CAP)
    theirs, _ = api_key_create(account_id=other_account.id, name="theirs")
    assert send(client, "patch", f"/api/keys/{theirs.id}", {"monthly_cap_nano_usd": 0}).status_code == 404


def test_a_key_without_the_scope_admin_changes_no_cap(account: Account) -> None:
    key, raw = api_key_create(account_id=account.id, name="spender")
    stranger = Client(headers={"authorization": f"Bearer {raw}"})
    assert send(stranger, "put", "/api/spend-cap", {"monthly_cap_nano_usd": None}).status_code == 403
    assert send(stranger, "patch", f"/api/keys/{key.id}", {"monthly_cap_nano_usd": None}).status_code == 403
