"""The inbox: what is refused, what is taken, and that any order and repetition of a story ends the same."""

import datetime as dt
import itertools
import random
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from backend.accounts.models import Account
from backend.accounts.services import account_create
from backend.billing import webhooks
from backend.billing.apis import WEBHOOK_BYTES_MAX
from backend.billing.auto_settings import settings_write
from backend.billing.auto_top_up import auto_top_up
from backend.billing.checkout import action_start
from backend.billing.models import AutoTopUp, Customer, Dispute, Pause, Payment, Refund, WebhookEvent
from backend.billing.stripe_objects import event_read
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, LedgerEntry, LedgerTransaction
from backend.metering.payments import owed_read
from tests.backend.billing.conftest import Far, deliver, deliver_all, post, signed, top_up, topped_up
from tests.stripe_far_end import WEBHOOK_SECRET

CENT = 10_000_000
NOW = dt.datetime.now(dt.UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(far: Far, account: Account) -> dict[str, Any]:
    """The event that says that a top-up was paid, not delivered yet."""
    far.pay(top_up(account))
    return next(event for event in far.news() if event["type"] == "payment_intent.succeeded")


def test_a_wrong_an_old_and_a_missing_signature_are_refused(far: Far, paid: dict[str, Any]) -> None:
    body, header = signed(paid)
    for bad in (
        "",
        "t=1,v1=00",
        signed(paid, secret="whsec_else")[1],
        signed(paid, signed_at=int(time.time()) - 301)[1],
    ):
        answer = post(body, bad)
        assert answer.status_code == 400
        assert b"invalid_signature" in answer.content
    assert post(body + b" ", header).status_code == 400  # one byte more than what was signed
    assert not WebhookEvent.objects.exists()
    assert not LedgerTransaction.objects.filter(kind="topup").exists()


def test_two_secrets_are_good_while_one_replaces_the_other(far: Far, paid: dict[str, Any], settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", WEBHOOK_SECRET]
    assert post(*signed(paid)).status_code == 200
    assert post(*signed({**paid, "id": "evt_2"}, secret="whsec_new")).status_code == 200
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new"]
    assert post(*signed({**paid, "id": "evt_3"})).status_code == 400


def test_live_and_test_are_not_mixed(far: Far, paid: dict[str, Any]) -> None:
    answer = post(*signed({**paid, "livemode": True}))
    assert answer.status_code == 400
    assert b"wrong_mode" in answer.content
    assert not WebhookEvent.objects.exists()


def test_a_body_beyond_the_limit_is_not_read(far: Far, paid: dict[str, Any]) -> None:
    assert post(*signed({**paid, "padding": "x" * WEBHOOK_BYTES_MAX})).status_code == 413


def test_signed_nonsense_is_refused_in_words(far: Far) -> None:
    answer = post(*signed({"hello": 1}))
    assert answer.status_code == 400
    assert b"no event" in answer.content


def test_an_unknown_type_is_stored_and_ignored(far: Far, paid: dict[str, Any]) -> None:
    assert deliver({**paid, "id": "evt_unknown", "type": "climate.order.created"}) == "ignored"
    assert WebhookEvent.objects.get().outcome == "ignored"
    assert deliver({**paid, "id": "evt_unknown", "type": "climate.order.created"}) == "repeated"


def test_a_payment_that_is_not_ours_is_ignored(far: Far, paid: dict[str, Any], other_account: Account) -> None:
    Customer.objects.update(stripe_customer_id="cus_somebody")
    assert deliver(paid) == "ignored"
    assert not LedgerTransaction.objects.filter(kind="topup").exists()


def test_while_stripe_does_not_answer_nothing_is_stored_and_it_delivers_again(far: Far, paid: dict[str, Any]) -> None:
    far.control("POST", "faults", mode="outage", path="/v1/payment_intents")
    assert post(*signed(paid)).status_code == 503
    assert not WebhookEvent.objects.exists()
    far.control("DELETE", "faults")
    assert deliver(paid) == "applied"


def test_event_and_effect_stand_or_fall_together(
    far: Far, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr("backend.billing.payments.audit_write", breaks)  # the last step of the effect
    with pytest.raises(RuntimeError), transaction.atomic():
        body, header = signed(paid)
        webhooks.webhook_receive(body=body, signature=header)
    assert not WebhookEvent.objects.exists()
    assert not LedgerTransaction.objects.filter(kind="topup").exists()
    monkeypatch.undo()


def test_the_card_chosen_in_the_portal_is_the_one_charged(far: Far, account: Account) -> None:
    topped_up(far, account, keep_card=True)
    customer = Customer.objects.get(account=account)
    method = far.method_attach(customer.stripe_customer_id, "pm_card_mastercard")
    far.default_method(customer.stripe_customer_id, method)
    deliver_all(far)
    customer.refresh_from_db()
    assert (customer.payment_method_id, customer.card_brand) == (method, "mastercard")
    far.method_detach(method)
    deliver_all(far)
    customer.refresh_from_db()
    assert customer.payment_method_id == ""


@pytest.mark.django_db(transaction=True)
def test_simultaneous_deliveries_are_one_effect(far: Far) -> None:
    account = account_create(name="stormed", owner=None)
    far.pay(top_up(account))
    events = [event for event in far.news() if event["type"].startswith(("payment_intent", "checkout"))]
    outcomes: list[str] = []

    def storm() -> None:
        outcomes.extend(deliver(event) for event in events)
        connection.close()

    threads = [threading.Thread(target=storm) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6 * len(events)
    assert LedgerTransaction.objects.filter(kind="topup").count() == 1
    assert WebhookEvent.objects.count() == len(events)
    assert ledger_check().problems == []


# --- Any order


def snapshots(far: Far, *types: str) -> list[list[webhooks.Effect]]:
    """The news since the last call, each with what was fetched for it now: later it is old news."""
    return [webhooks._effects_fetch(event_read(event)) for event in far.news() if event["type"] in types]


ORDERS = [
    pytest.param(4, id="some"),
    pytest.param(None, id="all", marks=[pytest.mark.extra, pytest.mark.timeout(900)]),
]


def ends_of(news: list[list[webhooks.Effect]], account: Account, num_orders: int | None) -> set[tuple[object, ...]]:
    """How orders of the news end, each piece of it told twice: all orders, or so many and the reverse one."""
    orders = list(itertools.permutations(range(len(news))))
    if num_orders is not None:
        orders = [orders[-1], *random.Random(4).sample(orders, num_orders)]
    ends = set()
    for order in orders:
        with transaction.atomic():
            for number in (*order, *order):
                for effect in news[number]:
                    effect(NOW)
            ends.add(_end(account))
            transaction.set_rollback(True)
    return ends


def _end(account: Account) -> tuple[object, ...]:
    cash = LedgerEntry.objects.filter(ledger_account__kind="cash").aggregate(total=Sum("amount_nano_usd"))["total"]
    balance = Balance.objects.get(account=account)
    auto = AutoTopUp.objects.filter(account=account).values_list("num_declines", "is_enabled").first()
    assert ledger_check().problems == []
    return (
        tuple(Payment.objects.order_by("id").values_list("status", flat=True)),
        tuple(Refund.objects.order_by("stripe_refund_id").values_list("status", "amount_cents")),
        tuple(Dispute.objects.order_by("id").values_list("status", "withdrawn_cents", "reinstated_cents")),
        tuple(Pause.objects.order_by("source").values_list("source", "lifted_at")),
        balance.available_nano_usd,
        balance.paused_from,
        owed_read(account.id),
        cash,
        auto,
    )


@pytest.mark.parametrize("num_orders", ORDERS)
def test_paid_refunded_disputed_and_won_in_any_order(far: Far, account: Account, num_orders: int | None) -> None:
    payment = top_up(account, keep_card=True)
    far.pay(payment)
    intent_id = far.control("GET", "objects/payment_intent")[-1]["id"]
    news = snapshots(far, "payment_intent.succeeded")
    far.refund(intent_id, 400)
    news += snapshots(far, "refund.created")
    dispute_id = far.control("POST", "disputes", payment_intent=intent_id)["id"]
    news += snapshots(far, "charge.dispute.created")
    far.control("POST", f"disputes/{dispute_id}", is_won=True)
    news += snapshots(far, "charge.dispute.closed")
    news += snapshots(far) or [webhooks._effects_fetch(event_read(_last(far, "checkout.session.completed")))]
    assert len(news) == 5
    ends = ends_of(news, account, num_orders)
    assert len(ends) == 1, ends
    (end,) = ends
    assert end[0] == ("succeeded",)
    assert end[1] == (("succeeded", 400),)
    assert end[2] == (("won", 600, 600),)
    assert end[5] is None


def _last(far: Far, kind: str) -> dict[str, Any]:
    events: list[dict[str, Any]] = far.control("GET", "objects/event")
    return [event for event in events if event["type"] == kind][-1]


@pytest.mark.parametrize("num_orders", ORDERS)
def test_asked_confirmed_and_paid_in_any_order(far: Far, account: Account, num_orders: int | None) -> None:
    topped_up(far, account, cents=500, keep_card=True)
    settings_write(
        account_id=account.id,
        is_enabled=True,
        threshold_cents=1_000,
        target_cents=2_000,
        monthly_ceiling_cents=9_000,
        actor="tests",
        now=NOW,
    )
    customer = Customer.objects.get(account=account)
    asks = far.method_attach(customer.stripe_customer_id, "pm_card_authenticationRequired")
    Customer.objects.update(payment_method_id=asks)
    far.news()
    payment = auto_top_up(account.id, now=NOW)
    assert payment is not None
    news = snapshots(far, "payment_intent.created", "payment_intent.payment_failed")
    _, url = action_start(account_id=account.id, payment_id=payment.id, now=NOW)
    news += snapshots(far, "payment_intent.requires_action")
    far.authenticate(url)
    news += snapshots(far, "payment_intent.succeeded", "payment_intent.payment_failed")
    assert len(news) == 4
    Payment.objects.filter(id=payment.id).update(status="created")  # as if no answer had come back
    ends = ends_of(news, account, num_orders)
    assert len(ends) == 1, ends
    (end,) = ends
    assert end[0] == ("succeeded", "succeeded")
    assert end[4] == 2_000 * CENT
