"""Pay-as-you-go: usage reaches Stripe once, however Stripe behaves; invoices come back as credit or as a pause."""

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from backend.accounts.models import Account
from backend.billing import metered, pay_as_you_go, stripe_client
from backend.billing.metered import LAG_ALARM, UNIT_NANO_USD, batch_cut, outbox_read, outbox_send
from backend.billing.models import Customer, Invoice, MeterEvent, PayAsYouGo
from backend.billing.overview import banner_read
from backend.billing.pauses import INVOICE_GRACE
from backend.core.errors import ApplicationError, NotFound
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, LedgerTransaction, UsageRecord
from backend.metering.services import (
    AccountPaused,
    InsufficientFunds,
    UsageCounts,
    balance_read,
    hold_place,
    run_settle,
)
from tests.backend.billing.conftest import Far, deliver_all, topped_up
from tests.backend.conftest import MODEL, PRICE

CENT = 10_000_000
HOUR = dt.timedelta(hours=1)
LIMIT = 100_000_000_000  # $100

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("price")]


class Clock:
    """The far end's time, which is ours in these tests."""

    def __init__(self, far: Far) -> None:
        self.far = far
        self.now = self._set(0)
        to_next_hour = metered.hour_floor(self.now) + HOUR + dt.timedelta(minutes=1) - self.now
        self.advance(to_next_hour)

    def _set(self, seconds: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.far.control("POST", "clock", advance_seconds=seconds)["now"], dt.UTC)

    def advance(self, by: dt.timedelta) -> dt.datetime:
        self.now = self._set(int(by.total_seconds()))
        return self.now


@pytest.fixture
def clock(far: Far) -> Clock:
    return Clock(far)


@pytest.fixture
def customer(far: Far, account: Account, clock: Clock) -> str:
    """Alice pays afterwards: the prepaid $6 are spent. Her id at Stripe."""
    topped_up(far, account, cents=500, keep_card=True)
    pay_as_you_go.invite(account_id=account.id, credit_limit_nano_usd=LIMIT, actor="olga", reason="a good customer")
    pay_as_you_go.start(account_id=account.id, now=clock.now)
    use(account, 2_000_000)
    return Customer.objects.get(account=account).stripe_customer_id


def use(account: Account, tokens: int, run_id: str = "") -> str:
    run_id = run_id or f"run_{UsageRecord.objects.count():012d}"
    hold_place(run_id=run_id, account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=tokens)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=tokens, completion_tokens=0), is_billable=True)
    return run_id


def told(far: Far, customer: str) -> list[dict[str, Any]]:
    """Meter events of the customer that the far end took."""
    events: list[dict[str, Any]] = far.control("GET", "objects/billing.meter_event")
    return [event for event in events if event["payload"]["stripe_customer_id"] == customer]


def units_told(far: Far, customer: str) -> int:
    return sum(int(event["payload"]["value"]) for event in told(far, customer))


def test_prepaid_money_is_spent_first_and_the_rest_is_told_by_the_hour(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    assert outbox_send(now=clock.advance(HOUR)) == 0  # exactly the prepaid credit is used
    use(account, 1_234)
    assert outbox_send(now=clock.advance(HOUR)) == 1
    assert [(e["payload"]["value"], e["identifier"]) for e in told(far, customer)] == [
        ("1234", MeterEvent.objects.get().identifier)
    ]
    assert outbox_send(now=clock.now) == 0
    assert outbox_send(now=clock.advance(HOUR)) == 0  # nothing new


def test_it_is_by_invitation_and_needs_a_card(far: Far, account: Account) -> None:
    with pytest.raises(NotFound, match="by invitation"):
        pay_as_you_go.start(account_id=account.id)
    pay_as_you_go.invite(account_id=account.id, credit_limit_nano_usd=LIMIT, actor="olga", reason="a good customer")
    with pytest.raises(ApplicationError, match="no saved card"):
        pay_as_you_go.start(account_id=account.id)
    assert Balance.objects.get(account=account).credit_limit_nano_usd == 0


def test_starting_twice_is_one_subscription(far: Far, account: Account, clock: Clock, customer: str) -> None:
    pay_as_you_go.start(account_id=account.id, now=clock.now)
    found = [s for s in far.control("GET", "objects/subscription") if s["customer"] == customer]
    assert len(found) == 1
    assert Balance.objects.get(account=account).credit_limit_nano_usd == LIMIT


def test_stripe_away_for_26_hours_then_slow_then_refusing_repeats(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    far.control("POST", "faults", mode="unreachable", path="/v1/billing")
    tokens = 0
    for hour in range(26):
        use(account, 1_000 + hour)
        tokens += 1_000 + hour
        assert outbox_send(now=clock.advance(HOUR)) == 0
    state = outbox_read(now=clock.now)
    assert (state.num_pending, state.units_pending, state.is_behind) == (26, tokens, True)
    assert "does not answer" in state.last_error
    assert state.alarm.startswith("26 hours of pay-as-you-go usage wait for Stripe since")

    far.control("DELETE", "faults")
    oldest = MeterEvent.objects.filter(first_tried_at=None).earliest("hour")
    assert oldest.told_at is not None
    stripe_client.meter_event_send(  # a twin of ours, of which our row knows nothing
        identifier=oldest.identifier, customer_id=customer, units=oldest.units, at=oldest.told_at
    )
    far.control("POST", "faults", mode="rate_limit", count=3, path="/v1/billing/meter_events")
    far.control("POST", "faults", mode="lose_reply", count=1, path="/v1/billing/meter_events")
    num_ticks = 0
    while outbox_read(now=clock.now).num_pending:
        outbox_send(now=clock.advance(dt.timedelta(minutes=10)))
        num_ticks += 1
        assert num_ticks < 30
    state = outbox_read(now=clock.now)
    assert (state.is_behind, state.oldest_at) == (False, None)
    identifiers = [event["identifier"] for event in told(far, customer)]
    assert len(identifiers) == len(set(identifiers)) == MeterEvent.objects.filter(status="sent").count()
    assert units_told(far, customer) == sum(MeterEvent.objects.values_list("units", flat=True))
    assert units_told(far, customer) == tokens
    assert all(clock.now.timestamp() - event["timestamp"] < 35 * 86_400 for event in told(far, customer))


def test_the_alarm_waits_for_two_missed_hours(far: Far, account: Account, clock: Clock, customer: str) -> None:
    far.control("POST", "faults", mode="unreachable", path="/v1/billing")
    use(account, 10)
    outbox_send(now=clock.advance(HOUR))
    assert not outbox_read(now=clock.now + LAG_ALARM - HOUR).is_behind
    assert outbox_read(now=clock.now + LAG_ALARM).is_behind


@pytest.mark.parametrize("fault", ["lose_reply", "unreachable"])
def test_after_a_day_stripe_is_asked_before_anything_is_sent_again(
    far: Far, account: Account, clock: Clock, customer: str, fault: str
) -> None:
    use(account, 777)
    far.control("POST", "faults", mode=fault, count=1, path="/v1/billing/meter_events")
    outbox_send(now=clock.advance(HOUR))
    assert MeterEvent.objects.get().status == "pending"
    # Both the key and the identifier are forgotten by now.
    outbox_send(now=clock.advance(dt.timedelta(hours=49)))
    assert MeterEvent.objects.get(units=777).status == "sent"
    assert units_told(far, customer) == 777


def test_what_is_nearly_too_old_is_told_as_of_now(far: Far, account: Account, clock: Clock, customer: str) -> None:
    use(account, 555)
    far.control("POST", "faults", mode="unreachable", path="/v1/billing")
    outbox_send(now=clock.advance(HOUR))
    far.control("DELETE", "faults")
    outbox_send(now=clock.advance(dt.timedelta(days=36)))
    assert MeterEvent.objects.get(units=555).status == "sent"
    assert units_told(far, customer) == 555


def test_a_thousand_repeats_of_one_usage_record_are_one_posting_and_one_event(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    run_id = use(account, 4_321)
    usage = UsageCounts(prompt_tokens=4_321, completion_tokens=0)
    before = balance_read(account.id)
    for _ in range(1_000):
        run_settle(run_id=run_id, usage=usage, is_billable=True)
    now = clock.advance(HOUR)
    outbox_send(now=now)
    for _ in range(20):
        batch_cut(account.id, hour=metered.hour_floor(now) - HOUR, told_at=now)
        outbox_send(now=now)
    clock.advance(dt.timedelta(days=30))
    run_settle(run_id=run_id, usage=usage, is_billable=True)
    outbox_send(now=clock.now)
    assert balance_read(account.id) == before
    assert LedgerTransaction.objects.filter(run_id=run_id, kind="settle").count() == 1
    assert units_told(far, customer) == 4_321


def test_a_month_ends_in_an_invoice_whose_payment_is_credit_to_the_cent(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    use(account, 1_234_567)
    outbox_send(now=clock.advance(HOUR))
    owed = -balance_read(account.id).total_nano_usd
    assert owed == 1_234_567 * PRICE
    clock.advance(dt.timedelta(days=32))
    clock.advance(2 * HOUR)  # a draft becomes final an hour later
    deliver_all(far)
    invoice = Invoice.objects.get(paid_cents__gt=0)
    assert (invoice.status, invoice.paid_cents) == ("paid", 370)
    assert balance_read(account.id).total_nano_usd == 370 * CENT - owed
    assert invoice.rounding_nano_usd == owed - 370 * CENT
    assert ledger_check().problems == []
    # What the invoice rounded off is told with the next usage, once.
    use(account, 100)
    outbox_send(now=clock.advance(HOUR))
    assert units_told(far, customer) * UNIT_NANO_USD == owed + 100 * PRICE + invoice.rounding_nano_usd // PRICE * PRICE


def test_an_unpaid_invoice_warns_then_pauses_and_a_paid_one_resumes(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    use(account, 1_000_000)
    outbox_send(now=clock.advance(HOUR))
    bad = far.method_attach(customer, "pm_card_chargeCustomerFail")
    subscription_id = PayAsYouGo.objects.get().subscription_id
    far.subscription_method(str(subscription_id), bad)
    clock.advance(dt.timedelta(days=32))
    clock.advance(2 * HOUR)
    deliver_all(far)
    invoice = Invoice.objects.get(due_cents=300)
    assert invoice.status == "open"
    assert invoice.failed_at is not None
    banner = banner_read(account.id, now=invoice.failed_at)
    assert banner is not None
    assert (banner.kind, banner.at) == ("will_pause", invoice.failed_at + INVOICE_GRACE)
    use(account, 10)  # days of grace
    Balance.objects.update(paused_from=invoice.failed_at - HOUR)
    with pytest.raises(AccountPaused, match="could not be charged"), transaction.atomic():
        use(account, 10)
    far.invoice_pay(invoice.id, "pm_card_visa")
    deliver_all(far)
    assert banner_read(account.id, now=clock.now) is None
    use(account, 10)
    assert LedgerTransaction.objects.filter(kind="metered").count() == 1
    assert ledger_check().problems == []


def test_ending_it_tells_the_rest_and_nothing_more_runs_on_credit(
    far: Far, account: Account, clock: Clock, customer: str
) -> None:
    use(account, 500_000)
    ended = pay_as_you_go.end(account_id=account.id, now=clock.advance(HOUR / 2))
    assert ended.status == "ended"
    assert units_told(far, customer) == 500_000
    with pytest.raises(InsufficientFunds):
        use(account, 10)
    deliver_all(far)
    assert balance_read(account.id).total_nano_usd == 0  # the last invoice: $1.50
    assert Balance.objects.get(account=account).credit_limit_nano_usd == 0
    assert pay_as_you_go.end(account_id=account.id, now=clock.now).status == "ended"
