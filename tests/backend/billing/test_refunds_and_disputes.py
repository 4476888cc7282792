"""Money that goes back: refunds of what is unspent, chargebacks and their pause, and what is owed after them."""

import dataclasses
import datetime as dt

import pytest
from django.db import transaction

from backend.accounts.models import Account
from backend.billing import stripe_client
from backend.billing.models import Pause, Payment, Refund
from backend.billing.overview import banner_read
from backend.billing.pauses import pause_lift
from backend.billing.refunds import refund_apply, refund_start, refunds_resend_due
from backend.billing.stripe_objects import Refund as StripeRefund
from backend.core.errors import ApplicationError, NotFound
from backend.metering.idempotency import IdempotencyError
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, LedgerTransaction
from backend.metering.payments import owed_read, paid_unspent_read
from backend.metering.services import (
    TRIAL_GRANT_NANO_USD,
    AccountPaused,
    UsageCounts,
    balance_read,
    hold_place,
    run_settle,
)
from tests.backend.billing.conftest import Far, deliver_all, topped_up
from tests.backend.conftest import MODEL, PRICE

CENT = 10_000_000
NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


def spend(account: Account, cents: int, run_id: str = "run_spends000") -> None:
    tokens = cents * CENT // PRICE
    hold_place(run_id=run_id, account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=tokens)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=tokens, completion_tokens=0), is_billable=True)


def refund(payment: Payment, cents: int, *, key: str = "one refund") -> Refund:
    return refund_start(
        account_id=payment.account_id,
        payment_id=payment.id,
        amount_cents=cents,
        idempotency_key=key,
        actor="tests",
        reason="a test",
        now=NOW,
    )


def disputed(far: Far, payment: Payment) -> str:
    return str(far.control("POST", "disputes", payment_intent=payment.payment_intent_id)["id"])


def assert_sound() -> None:
    assert ledger_check().problems == []


# --- Refunds


def test_unspent_credit_is_paid_back_once(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    first, again = refund(payment, 400), refund(payment, 400)
    assert first.id == again.id
    assert again.status == "succeeded"
    deliver_all(far)
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 600 * CENT
    with pytest.raises(IdempotencyError):
        refund(payment, 500)
    with pytest.raises(ApplicationError, match=r"\$6.00 can be refunded"):
        refund(payment, 601, key="too much")
    assert_sound()


def test_promotional_credit_is_spent_first_and_never_paid_out(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)  # $10 beside a trial of $1
    spend(account, 100)
    assert 1_000 * CENT - paid_unspent_read(account.id) in range(PRICE)
    spend(account, 300, "run_more00000")
    assert paid_unspent_read(account.id) // CENT == 700
    with pytest.raises(ApplicationError, match=r"\$7.00 can be refunded"):
        refund(payment, 701)
    assert refund(payment, 700).status == "succeeded"
    assert_sound()


def test_a_refund_nobody_answered_is_asked_again(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    far.control("POST", "faults", mode="lose_reply", count=1, path="/v1/refunds")
    made = refund(payment, 1_000)
    assert made.status == "created"
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD  # it cannot be spent meanwhile
    assert refunds_resend_due(now=NOW + stripe_client.KEY_LIFE + HOUR) == 1
    made.refresh_from_db()
    assert made.status == "succeeded"
    assert far.control("GET", "objects/charge")[-1]["amount_refunded"] == 1_000


def test_a_refused_refund_gives_the_credit_back(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    disputed(far, payment)  # which Stripe then refuses to refund; its news has not come yet
    with pytest.raises(stripe_client.StripeRefused):
        refund(payment, 1_000)
    assert Refund.objects.get().status == "failed"
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 1_000 * CENT
    assert_sound()


def test_tax_goes_back_with_what_it_was_paid_for(far: Far, account: Account, settings) -> None:  # type: ignore[no-untyped-def]
    settings.STRIPE_TAX = True
    far.control("POST", "tax", percent=20)
    payment = topped_up(far, account)
    far.control("POST", "tax", percent=0)
    made = refund(payment, 500)
    assert (made.amount_cents, made.tax_cents) == (500, 100)
    assert far.control("GET", "objects/refund")[-1]["amount"] == 600
    assert_sound()


def test_a_refund_made_at_stripe_is_booked_when_we_hear_of_it(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    far.refund(str(payment.payment_intent_id), 300)
    deliver_all(far)
    assert Refund.objects.get().amount_cents == 300
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 700 * CENT
    assert_sound()


# --- Disputes


def test_a_dispute_pauses_at_once_and_a_won_one_resumes(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)
    dispute_id = disputed(far, payment)
    deliver_all(far)
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD
    found = banner_read(account.id, now=NOW + HOUR)
    assert found is not None
    assert found.kind == "paused"
    with pytest.raises(AccountPaused, match=r"disputes a payment of \$10.00"), transaction.atomic():
        spend(account, 10)
    far.control("POST", f"disputes/{dispute_id}", is_won=True)
    deliver_all(far)
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD + 1_000 * CENT
    assert banner_read(account.id, now=NOW + HOUR) is None
    spend(account, 10)
    assert_sound()


def test_a_paused_account_finishes_what_runs(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)
    hold_place(run_id="run_already00", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=1_000)
    disputed(far, payment)
    deliver_all(far)
    again = hold_place(run_id="run_already00", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=1_000)
    assert again.is_repeated
    run_settle(run_id="run_already00", usage=UsageCounts(prompt_tokens=7, completion_tokens=3), is_billable=True)
    assert_sound()


def test_a_chargeback_beyond_the_balance_is_owed_and_paid_first(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)
    spend(account, 800)  # $3 are left
    dispute_id = disputed(far, payment)
    far.control("POST", f"disputes/{dispute_id}", is_won=False)
    deliver_all(far)
    assert balance_read(account.id).available_nano_usd == 0
    assert owed_read(account.id) // CENT in (699, 700)
    found = banner_read(account.id, now=NOW + HOUR)
    assert found is not None
    assert found.kind == "paused"
    assert_sound()
    topped_up(far, account, cents=1_000)
    assert owed_read(account.id) == 0
    assert balance_read(account.id).available_nano_usd // CENT in (299, 300)
    assert banner_read(account.id, now=NOW + HOUR) is None  # the dispute is over and nothing is owed
    assert_sound()


def test_a_won_dispute_after_spending_pays_what_is_owed_first(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)
    spend(account, 1_100)
    dispute_id = disputed(far, payment)
    deliver_all(far)
    assert owed_read(account.id) > 0
    far.control("POST", f"disputes/{dispute_id}", is_won=True)
    deliver_all(far)
    assert owed_read(account.id) == 0
    assert LedgerTransaction.objects.filter(kind="dispute_reversal").count() == 1
    assert_sound()


def test_an_operator_may_lift_a_pause(far: Far, account: Account, price: int) -> None:
    payment = topped_up(far, account)
    dispute_id = disputed(far, payment)
    deliver_all(far)
    source = f"dispute:{dispute_id}"
    pause_lift(account_id=account.id, source=source, actor="olga", reason="an old customer", now=NOW)
    assert Balance.objects.get(account=account).paused_from is None
    assert Pause.objects.get().lifted_by == "olga"
    spend(account, 10)
    with pytest.raises(NotFound):
        pause_lift(account_id=account.id, source=source, actor="olga", reason="again", now=NOW)


def owed_and_lost(far: Far, account: Account) -> StripeRefund:
    """$10 paid, $4 of it given back in Stripe's dashboard, all spent, $6 charged back and lost. The refund."""
    payment = topped_up(far, account)
    far.refund(str(payment.payment_intent_id), 400)
    deliver_all(far)
    spend(account, 700)
    dispute_id = disputed(far, payment)
    far.control("POST", f"disputes/{dispute_id}", is_won=False)
    deliver_all(far)
    assert owed_read(account.id) // CENT in (599, 600)
    assert Balance.objects.get(account=account).paused_from is not None
    (refund,) = stripe_client.refunds_of(str(payment.payment_intent_id))
    return refund


def test_a_refund_that_comes_back_may_pay_all_that_is_owed(far: Far, account: Account, price: int) -> None:
    refund = owed_and_lost(far, account)
    topped_up(far, account, cents=500)
    assert Balance.objects.get(account=account).paused_from is not None  # $1 is still owed
    refund_apply(dataclasses.replace(refund, status="failed"), now=NOW)
    assert owed_read(account.id) == 0
    assert Balance.objects.get(account=account).paused_from is None
    assert_sound()


def test_a_lost_dispute_pauses_also_when_the_debt_is_heard_of_after_it(far: Far, account: Account, price: int) -> None:
    refund = owed_and_lost(far, account)
    second = topped_up(far, account, cents=1_000)
    assert Balance.objects.get(account=account).paused_from is None
    spend(account, 300, "run_more00000")
    later = dataclasses.replace(refund, id="re_later", payment_intent_id=second.payment_intent_id, amount_cents=1_000)
    refund_apply(later, now=NOW)  # of a payment whose credit is spent
    assert owed_read(account.id) > 0
    assert Balance.objects.get(account=account).paused_from is not None
    topped_up(far, account, cents=2_000)
    assert Balance.objects.get(account=account).paused_from is None
    assert_sound()
