"""Cash = Stripe: equal after every kind of movement, and a planted difference is named."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from backend.accounts.models import Account
from backend.billing import reconcile
from backend.billing.models import Reconciliation, StripeLine
from backend.billing.reconcile import SETTLE_GRACE, STALE_AFTER, reconciliation_read
from backend.billing.refunds import refund_start
from backend.metering.payments import Kind, Movement, money_in
from tests.backend.billing.conftest import NOWHERE, Far, deliver_all, topped_up
from tests.stripe_far_end import SECRET_KEY, FarEnd, far_end_started

CENT = 10_000_000
LATER = dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def far_process() -> Iterator[FarEnd]:
    """One of its own for each test: everything that ever moved there is compared."""
    with far_end_started(webhook_url=NOWHERE) as end:
        end.control("POST", "webhooks", mode="hold")
        yield end


def moved(far: Far, account: Account) -> dt.datetime:
    """A top-up, one half refunded, one disputed and won, one disputed and lost. The moment after all of it."""
    halved = topped_up(far, account)
    refund_start(
        account_id=account.id,
        payment_id=halved.id,
        amount_cents=500,
        idempotency_key="half",
        actor="tests",
        reason="a test",
    )
    for is_won in (True, False):
        payment = topped_up(far, account)
        dispute_id = far.control("POST", "disputes", payment_intent=payment.payment_intent_id)["id"]
        deliver_all(far)
        far.control("POST", f"disputes/{dispute_id}", is_won=is_won)
        deliver_all(far)
    return dt.datetime.now(dt.UTC) + LATER


def test_every_movement_is_on_both_sides(far: Far, account: Account) -> None:
    now = moved(far, account)
    done = reconcile.reconcile(now=now)
    found = reconciliation_read(now=now + LATER)
    assert (found.is_equal, found.differences) == (True, [])
    assert found.stripe_nano_usd == found.ledger_nano_usd == 1_500 * CENT
    assert (found.num_compared, found.num_waiting) == (6, 0)  # 3 top-ups, 1 refund, 2 disputes
    assert found.fees_cents > 0
    assert (done.num_differences, done.num_lines_new) == (0, StripeLine.objects.count())
    again = reconcile.reconcile(now=now + LATER)
    assert again.num_lines_new == 0


def test_money_that_only_stripe_knows_is_named(far: Far, account: Account) -> None:
    payment = topped_up(far, account)
    far.refund(str(payment.payment_intent_id), 300)  # and its webhook never comes
    now = dt.datetime.now(dt.UTC) + LATER
    reconcile.reconcile(now=now)
    found = reconciliation_read(now=now + LATER)
    assert (found.is_equal, found.num_differences) == (False, 1)
    assert found.first_difference.startswith("refund:re_")
    assert f"Stripe {-300 * CENT} n$, ledger 0 n$" in found.first_difference
    assert Reconciliation.objects.get().first_difference == found.first_difference
    deliver_all(far)
    assert reconciliation_read(now=now + LATER).is_equal


@pytest.fixture
def taken(settings: Any) -> None:
    """This server takes payments; what is at Stripe is what the test says was read there."""
    settings.STRIPE_API_KEY = SECRET_KEY


def read_until(moment: dt.datetime) -> None:
    Reconciliation.objects.create(read_until=moment, num_lines_new=0, num_compared=0, num_differences=0, wall_ms=0)


def booked(account: Account, intent_id: str, cents: int) -> None:
    paid = {"kind": Kind.TOPUP, "source": f"topup:{intent_id}", "actor": "tests", "reason": "a test"}
    money_in(Movement(account_id=account.id, total_nano_usd=cents * CENT, **paid))


@pytest.mark.usefixtures("taken")
def test_money_that_only_the_ledger_knows_is_named(account: Account) -> None:
    booked(account, "pi_invented", 700)
    now = dt.datetime.now(dt.UTC) + LATER
    read_until(now)
    found = reconciliation_read(now=now)
    assert found.first_difference == f"topup:pi_invented: Stripe 0 n$, ledger {700 * CENT} n$"
    assert (found.is_equal, found.num_compared) == (False, 1)


@pytest.mark.usefixtures("taken")
def test_a_cent_of_difference_is_named(account: Account) -> None:
    booked(account, "pi_one", 700)
    now = dt.datetime.now(dt.UTC)
    line = {"type": "charge", "category": "charge", "source_id": "ch_one", "payment_intent_id": "pi_one"}
    StripeLine.objects.create(id="txn_one", amount_cents=701, fee_cents=50, created_at=now, **line)
    read_until(now + LATER)
    found = reconciliation_read(now=now + LATER)
    assert (found.num_differences, found.fees_cents) == (1, 50)
    assert found.stripe_nano_usd - found.ledger_nano_usd == CENT


@pytest.mark.usefixtures("taken")
def test_what_is_on_its_way_waits(account: Account) -> None:
    """Booked after the last reading: no difference yet, and counted as waiting."""
    booked(account, "pi_young", 700)
    now = dt.datetime.now(dt.UTC)
    read_until(now - SETTLE_GRACE)
    found = reconciliation_read(now=now)
    assert (found.is_equal, found.num_waiting, found.num_compared) == (True, 1, 0)


@pytest.mark.usefixtures("taken")
def test_a_comparison_that_did_not_happen_is_not_green(account: Account) -> None:
    assert not reconciliation_read().is_equal  # never yet
    now = dt.datetime.now(dt.UTC)
    read_until(now)
    assert reconciliation_read(now=now).is_equal
    assert reconciliation_read(now=now + STALE_AFTER + LATER).is_stale


def test_without_payments_there_is_nothing_to_compare(account: Account) -> None:
    found = reconciliation_read()
    assert (found.is_configured, found.is_equal, found.num_compared) == (False, True, 0)
