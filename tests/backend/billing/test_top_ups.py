"""A top-up by a person: asked for once, paid once, credited once, whatever is repeated, lost or out of order."""

import datetime as dt
from typing import Any

import pytest

from backend.accounts.models import Account
from backend.billing import stripe_client
from backend.billing.checkout import OPEN_PAGES_MAX
from backend.billing.models import Customer, Payment, WebhookEvent
from backend.billing.payments import payment_refresh, payments_refresh_due
from backend.billing.webhooks import webhook_receive
from backend.core.errors import ApplicationError
from backend.metering.idempotency import IdempotencyError
from backend.metering.ledger_check import ledger_check
from backend.metering.models import LedgerTransaction
from backend.metering.services import TRIAL_GRANT_NANO_USD, balance_read
from tests.backend.billing.conftest import Far, deliver, deliver_all, signed, top_up, topped_up

pytestmark = pytest.mark.django_db

CENT = 10_000_000


def credit(account: Account) -> int:
    """n$ beyond the trial grant."""
    return balance_read(account.id).available_nano_usd - TRIAL_GRANT_NANO_USD


def test_a_paid_page_becomes_credit_once(far: Far, account: Account) -> None:
    payment = top_up(account, cents=1_000, keep_card=True)
    assert payment.status == "open"
    assert payment.checkout_url.startswith(far.end.url)
    far.pay(payment)
    assert "applied" in deliver_all(far)
    payment.refresh_from_db()
    assert payment.status == "succeeded"
    assert credit(account) == 1_000 * CENT
    assert LedgerTransaction.objects.filter(source=f"topup:{payment.payment_intent_id}").count() == 1
    customer = Customer.objects.get(account=account)
    assert (customer.card_brand, customer.card_last4) == ("visa", "4242")
    assert ledger_check().problems == []


def test_the_same_key_is_the_same_page(far: Far, account: Account) -> None:
    first, again = (top_up(account, key="one wish") for _ in range(2))
    assert (first.id, first.checkout_url) == (again.id, again.checkout_url)
    with pytest.raises(IdempotencyError):
        top_up(account, cents=2_000, key="one wish")


@pytest.mark.parametrize("cents", [499, 100_001])
def test_an_amount_outside_the_limits_is_refused_in_words(far: Far, account: Account, cents: int) -> None:
    with pytest.raises(ApplicationError, match=r"between \$5 and \$1,000"):
        top_up(account, cents=cents)
    assert not Payment.objects.exists()


def test_an_account_opens_only_so_many_pages(far: Far, account: Account) -> None:
    for _ in range(OPEN_PAGES_MAX):
        Payment.objects.create(account=account, kind="checkout", amount_cents=500, idempotency_key=f"{_}")
    with pytest.raises(ApplicationError, match="wait until they expire"):
        top_up(account)


def test_a_lost_answer_is_healed_by_the_same_key(far: Far, account: Account) -> None:
    far.control("POST", "faults", mode="lose_reply", count=1, path="/v1/checkout/sessions")
    with pytest.raises(stripe_client.StripeUnavailable):
        top_up(account, key="lost")
    payment = top_up(account, key="lost")
    assert payment.status == "open"
    assert len([s for s in far.control("GET", "objects/checkout.session") if s["customer"] == _customer(account)]) == 1


def _customer(account: Account) -> str:
    return Customer.objects.get(account=account).stripe_customer_id


def test_without_any_webhook_the_sweep_finds_the_money(far: Far, account: Account) -> None:
    payment = top_up(account)
    far.pay(payment)
    assert payments_refresh_due(now=payment.created_at) == 0  # a webhook may still come
    assert payments_refresh_due(now=payment.created_at.replace(year=payment.created_at.year + 1)) == 1
    assert credit(account) == 1_000 * CENT
    deliver_all(far)
    assert credit(account) == 1_000 * CENT


def test_the_browser_that_comes_back_first_asks_for_itself(far: Far, account: Account) -> None:
    payment = top_up(account)
    far.pay(payment)
    assert payment_refresh(payment, now=payment.created_at).status == "succeeded"
    assert credit(account) == 1_000 * CENT


def test_a_page_nobody_finished_expires(far: Far, account: Account) -> None:
    payment = top_up(account)
    far.control("POST", "clock", advance_seconds=90_000)
    deliver_all(far)
    payment.refresh_from_db()
    assert payment.status == "expired"
    assert credit(account) == 0


def test_a_card_refused_on_the_page_leaves_the_page_open(far: Far, account: Account) -> None:
    payment = top_up(account)
    with pytest.raises(AssertionError, match="declined"):
        far.pay(payment, "4000000000000002")
    deliver_all(far)
    payment.refresh_from_db()
    assert payment.status == "open"
    far.pay(payment)
    deliver_all(far)
    assert credit(account) == 1_000 * CENT


def test_tax_is_kept_apart_from_the_credit(far: Far, account: Account, settings) -> None:
    settings.STRIPE_TAX = True
    far.control("POST", "tax", percent=20)
    payment = topped_up(far, account, cents=1_000)
    far.control("POST", "tax", percent=0)
    assert (payment.amount_cents, payment.tax_cents) == (1_000, 200)
    assert credit(account) == 1_000 * CENT
    assert ledger_check().problems == []


def test_a_thousand_deliveries_of_one_event_are_one_posting(far: Far, account: Account) -> None:
    payment = top_up(account)
    far.pay(payment)
    event = next(event for event in far.news() if event["type"] == "payment_intent.succeeded")
    outcomes = [deliver(event) for _ in range(20)]
    body, header = signed(event)
    outcomes += [webhook_receive(body=body, signature=header) for _ in range(980)]
    assert outcomes == ["applied"] + ["repeated"] * 999
    assert credit(account) == 1_000 * CENT
    # A month later our memory has not faded, also not for another event that tells the same.
    WebhookEvent.objects.update(received_at=event_time(event, days=-30))
    assert deliver(event) == "repeated"
    assert deliver({**event, "id": "evt_another"}) == "applied"
    assert credit(account) == 1_000 * CENT
    assert LedgerTransaction.objects.filter(kind="topup").count() == 1


def event_time(event: dict[str, Any], *, days: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(event["created"], dt.UTC) + dt.timedelta(days=days)
