"""Automatic top-up: one charge when the balance falls below the threshold, inside its guards, whatever fails."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection

from backend.accounts.models import Account
from backend.accounts.services import account_create
from backend.billing import auto_settings
from backend.billing.auto_settings import BACK_OFF, DECLINES_MAX, settings_write
from backend.billing.auto_top_up import auto_top_up, auto_top_up_sweep
from backend.billing.checkout import action_start
from backend.billing.models import AutoTopUp, Customer, Payment
from backend.billing.overview import Banner, banner_read
from backend.billing.payments import ACTION_LIFE, payments_refresh_due
from backend.billing.stripe_client import KEY_LIFE
from backend.billing.sweep import billing_sweep
from backend.core.errors import ApplicationError
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, LedgerTransaction
from backend.metering.services import UsageCounts, balance_read, hold_place, run_settle
from tests.backend.billing.conftest import Far, deliver_all, topped_up
from tests.backend.conftest import MODEL

CENT = 10_000_000
NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
REFUSED = "pm_card_chargeCustomerFail"
ASKS = "pm_card_authenticationRequired"

pytestmark = pytest.mark.django_db


@pytest.fixture
def setting(far: Far, account: Account) -> AutoTopUp:
    """$1 of trial and $5 with a kept card; below $10 up to $20, $30 a month: due at once."""
    topped_up(far, account, cents=500, keep_card=True)
    return switch_on(account)


def switch_on(account: Account) -> AutoTopUp:
    return settings_write(
        account_id=account.id,
        is_enabled=True,
        threshold_cents=1_000,
        target_cents=2_000,
        monthly_ceiling_cents=3_000,
        actor="tests",
        now=NOW,
    )


def card_becomes(far: Far, account: Account, name: str) -> None:
    """The kept card is another one from now on."""
    customer = Customer.objects.get(account=account)
    Customer.objects.update(payment_method_id=far.method_attach(customer.stripe_customer_id, name))


def charged(account: Account, *, now: dt.datetime = NOW) -> Payment:
    payment = auto_top_up(account.id, now=now)
    assert payment is not None
    return payment


def banner(account: Account, *, now: dt.datetime = NOW) -> Banner:
    found = banner_read(account.id, now=now)
    assert found is not None
    return found


def charges(account: Account) -> list[Payment]:
    return list(Payment.objects.filter(account=account, kind="auto").order_by("created_at"))


def test_what_is_missing_to_the_target_is_charged_once(account: Account, setting: AutoTopUp) -> None:
    payment = charged(account)
    assert (payment.status, payment.amount_cents) == ("succeeded", 1_400)
    assert balance_read(account.id).total_nano_usd == 2_000 * CENT
    assert auto_top_up(account.id, now=NOW) is None
    assert ledger_check().problems == []


def test_a_settlement_that_crosses_the_threshold_rings(
    far: Far, account: Account, price: int, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr("backend.core.queue._send", lambda name, args, _request_id: rung.append((name, args)))
    topped_up(far, account, cents=1_000, keep_card=True)
    switch_on(account)
    with django_capture_on_commit_callbacks(execute=True):
        _use(account, "run_aboveit00", 2)
    assert rung == []
    with django_capture_on_commit_callbacks(execute=True):
        _use(account, "run_belowit00", 400_000)
    assert rung == [("worker.auto_top_up", (account.id,))]


def _use(account: Account, run_id: str, tokens: int) -> None:
    hold_place(run_id=run_id, account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=tokens)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=tokens, completion_tokens=0), is_billable=True)


def test_the_bell_is_silent_while_a_charge_is_pending(far: Far, account: Account, setting: AutoTopUp) -> None:
    assert Balance.objects.get(account=account).low_below_nano_usd == 1_000 * CENT
    far.control("POST", "faults", mode="unreachable", count=1, path="/v1/payment_intents")
    assert charged(account).status == "created"
    assert Balance.objects.get(account=account).low_below_nano_usd is None


def test_a_lost_bell_is_found_by_the_sweep(account: Account, setting: AutoTopUp) -> None:
    assert billing_sweep(now=NOW) == 1
    assert [payment.status for payment in charges(account)] == ["succeeded"]


def test_a_lost_answer_is_one_charge(far: Far, account: Account, setting: AutoTopUp) -> None:
    far.control("POST", "faults", mode="lose_reply", count=1, path="/v1/payment_intents")
    assert charged(account).status == "created"
    assert auto_top_up(account.id, now=NOW) is None  # the unfinished row keeps a second one out
    assert payments_refresh_due(now=NOW + HOUR) == 1
    assert [(p.status, p.amount_cents) for p in charges(account)] == [("succeeded", 1_400)]
    deliver_all(far)
    assert balance_read(account.id).total_nano_usd == 2_000 * CENT


@pytest.mark.parametrize("next_card", ["pm_card_mastercard", REFUSED])
def test_a_lost_answer_is_one_charge_also_of_a_card_that_is_another_one_since(
    far: Far, account: Account, setting: AutoTopUp, next_card: str
) -> None:
    far.control("POST", "faults", mode="lose_reply", count=1, path="/v1/payment_intents")
    assert charged(account).status == "created"
    card_becomes(far, account, next_card)  # with which the key of the first try is refused
    assert payments_refresh_due(now=NOW + HOUR) == 1
    assert [(p.status, p.amount_cents) for p in charges(account)] == [("succeeded", 1_400)]
    assert auto_top_up(account.id, now=NOW + HOUR) is None
    assert balance_read(account.id).total_nano_usd == 2_000 * CENT


@pytest.mark.parametrize(("fault", "status"), [("lose_reply", "succeeded"), ("unreachable", "expired")])
def test_when_the_key_is_forgotten_the_charge_is_looked_for(
    far: Far, account: Account, setting: AutoTopUp, fault: str, status: str
) -> None:
    far.control("POST", "faults", mode=fault, count=1, path="/v1/payment_intents")
    charged(account)
    payments_refresh_due(now=NOW + KEY_LIFE + HOUR)
    assert [payment.status for payment in charges(account)] == [status]


def test_the_monthly_ceiling_holds_and_a_new_month_begins_anew(account: Account, setting: AutoTopUp) -> None:
    first_of_month = NOW.replace(day=1, hour=12)
    AutoTopUp.objects.update(target_cents=100_000)
    assert charged(account, now=first_of_month).amount_cents == 3_000  # all that the ceiling leaves
    Balance.objects.update(available_nano_usd=0)
    assert auto_top_up(account.id, now=first_of_month + HOUR) is None
    assert auto_settings.spent_this_month_cents(account.id, now=first_of_month + HOUR) == 3_000
    assert charged(account, now=first_of_month + dt.timedelta(days=32)).status == "succeeded"


def test_a_decline_waits_longer_each_time_and_then_switches_off(far: Far, account: Account, setting: AutoTopUp) -> None:
    card_becomes(far, account, REFUSED)
    now = NOW
    for wait in BACK_OFF:
        assert charged(account, now=now).status == "failed"
        found = banner(account, now=now)
        assert (found.kind, found.at) == ("card_declined", now + wait)
        assert auto_top_up(account.id, now=now + wait / 2) is None
        now += wait
    assert charged(account, now=now).status == "failed"
    setting.refresh_from_db()
    assert (setting.is_enabled, setting.num_declines) == (False, DECLINES_MAX)
    found = banner(account, now=now)
    assert found.kind == "auto_top_up_off"
    assert "switched off" in found.message
    assert auto_top_up(account.id, now=now + dt.timedelta(days=30)) is None
    assert LedgerTransaction.objects.filter(kind="topup").count() == 1  # the one by hand


def test_a_good_charge_forgets_the_declines(far: Far, account: Account, setting: AutoTopUp) -> None:
    card_becomes(far, account, REFUSED)
    assert charged(account).failure_code == "generic_decline"
    card_becomes(far, account, "pm_card_visa")
    assert charged(account, now=NOW + BACK_OFF[0]).status == "succeeded"
    setting.refresh_from_db()
    assert (setting.num_declines, setting.retry_at) == (0, None)


def test_a_bank_that_wants_its_customer_is_asked_in_the_browser(far: Far, account: Account, setting: AutoTopUp) -> None:
    card_becomes(far, account, ASKS)
    payment = charged(account)
    assert payment.status == "action_required"
    assert banner(account).kind == "action_required"
    assert auto_top_up(account.id, now=NOW) is None
    payment, url = action_start(account_id=account.id, payment_id=payment.id, now=NOW)
    assert url.startswith(far.end.url)
    far.authenticate(url)
    deliver_all(far)
    payment.refresh_from_db()
    assert payment.status == "succeeded"
    assert balance_read(account.id).total_nano_usd == 2_000 * CENT
    assert banner_read(account.id, now=NOW) is None


def test_a_confirmation_that_failed_counts_as_a_decline(far: Far, account: Account, setting: AutoTopUp) -> None:
    card_becomes(far, account, ASKS)
    payment, url = action_start(account_id=account.id, payment_id=charged(account).id, now=NOW)
    far.authenticate(url, is_passed=False)
    deliver_all(far)
    payment.refresh_from_db()
    assert payment.status == "failed"
    setting.refresh_from_db()
    assert setting.num_declines == 1


def test_a_confirmation_nobody_gave_is_given_up(far: Far, account: Account, setting: AutoTopUp) -> None:
    card_becomes(far, account, ASKS)
    payment = charged(account)
    payments_refresh_due(now=NOW + ACTION_LIFE + HOUR)
    payment.refresh_from_db()
    assert payment.status == "expired"


def test_it_needs_a_kept_card_and_sensible_numbers(far: Far, account: Account) -> None:
    with pytest.raises(ApplicationError, match="no saved card"):
        switch_on(account)
    good = {"threshold_cents": 1_000, "target_cents": 2_000, "monthly_ceiling_cents": 3_000}
    for bad, words in (
        ({"target_cents": 1_400}, r"at least \$5 above"),
        ({"target_cents": 100_001}, r"at most \$1,000"),
        ({"monthly_ceiling_cents": 499}, "monthly ceiling"),
    ):
        with pytest.raises(ApplicationError, match=words):
            settings_write(account_id=account.id, is_enabled=False, actor="tests", now=NOW, **{**good, **bad})


def test_the_sweep_leaves_accounts_above_their_threshold_alone(account: Account, setting: AutoTopUp) -> None:
    Balance.objects.update(available_nano_usd=1_000 * CENT)
    assert auto_top_up_sweep(now=NOW) == 0
    Balance.objects.update(available_nano_usd=1_000 * CENT - 1)
    assert auto_top_up_sweep(now=NOW) == 1


@pytest.mark.django_db(transaction=True)
def test_many_bells_at_once_are_one_charge(far: Far) -> None:
    account = account_create(name="rung", owner=None)
    topped_up(far, account, cents=500, keep_card=True)
    switch_on(account)
    made: list[Payment | None] = []

    def ring() -> None:
        made.append(auto_top_up(account.id, now=NOW))
        connection.close()

    threads = [threading.Thread(target=ring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert sum(payment is not None for payment in made) == 1
    assert balance_read(account.id).total_nano_usd == 2_000 * CENT
