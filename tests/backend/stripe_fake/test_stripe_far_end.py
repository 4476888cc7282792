"""The far end does what Stripe is known to do where money could go wrong: keys, declines, meters, months, webhooks."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.backend.stripe_fake.webhook_receiver import Receiver
from tests.stripe_far_end import FarEnd, far_end_started

DAY = 86_400
VISA, DECLINED, AUTHENTICATED, FAILS_LATER = (
    "4242424242424242",
    "4000000000000002",
    "4000002500003155",
    "4000000000000341",
)


def _customer_with_card(v1: Any, number: str = "pm_card_visa") -> tuple[str, str]:
    customer = v1.customers.create({}).id
    card = v1.payment_methods.attach(number, {"customer": customer}).id
    return customer, card


def _charge(v1: Any, customer: str, card: str, key: str | None = None, amount: int = 500) -> Any:
    wanted = {"amount": amount, "currency": "usd", "customer": customer, "payment_method": card}
    options = {"idempotency_key": key} if key else {}
    return v1.payment_intents.create({**wanted, "off_session": True, "confirm": True}, options)


def _checkout(v1: Any, customer: str, amount: int = 1000, **fields: Any) -> Any:
    data = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Svend credit"}}
    wanted = {"mode": "payment", "customer": customer, "line_items": [{"price_data": data, "quantity": 1}]}
    wanted["success_url"] = "http://127.0.0.1:9/paid?session={CHECKOUT_SESSION_ID}"
    return v1.checkout.sessions.create({**wanted, **fields})


def _browse() -> httpx.Client:
    return httpx.Client(timeout=10, trust_env=False)


# --- Keys


def test_a_key_answers_once_and_refuses_another_request(v1: Any, far_end: FarEnd) -> None:
    customer, card = _customer_with_card(v1)
    first = _charge(v1, customer, card, key="charge-1")
    assert _charge(v1, customer, card, key="charge-1").id == first.id
    with pytest.raises(stripe.IdempotencyError):
        _charge(v1, customer, card, key="charge-1", amount=600)
    assert len(v1.payment_intents.list({"customer": customer}).data) == 1


def test_a_key_remembers_a_decline_but_no_bad_request(v1: Any, far_end: FarEnd) -> None:
    customer, card = _customer_with_card(v1, "pm_card_chargeCustomerFail")
    ids = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            _charge(v1, customer, card, key="charge-2")
        ids.append(declined.value.json_body["error"]["payment_intent"]["id"])
    assert ids[0] == ids[1]
    with pytest.raises(stripe.InvalidRequestError):
        _charge(v1, customer, card, key="charge-3", amount=10)
    with pytest.raises(stripe.CardError):
        _charge(v1, customer, card, key="charge-3")


def test_a_lost_reply_and_a_retry_charge_once(v1: Any, far_end: FarEnd) -> None:
    customer, card = _customer_with_card(v1)
    far_end.control("POST", "faults", mode="lose_reply", count=1, path="/v1/payment_intents")
    with pytest.raises(stripe.APIConnectionError):
        _charge(v1, customer, card, key="charge-4")
    assert _charge(v1, customer, card, key="charge-4").status == "succeeded"
    assert len(v1.charges.list({"customer": customer}).data) == 1


def test_trouble_has_the_faces_that_a_client_knows(v1: Any, far_end: FarEnd) -> None:
    for mode, error in [
        ("outage", stripe.APIError),
        ("rate_limit", stripe.RateLimitError),
        ("unreachable", stripe.APIConnectionError),
    ]:
        far_end.control("POST", "faults", mode=mode, count=1)
        with pytest.raises(error):
            v1.customers.list()
    assert v1.customers.list().data
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_wrong", base_addresses={"api": far_end.url}).v1.customers.list()


# --- Cards


@pytest.mark.parametrize(
    ("number", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
def test_a_refused_charge_leaves_an_intent_that_can_be_tried_again(v1: Any, number: str, decline_code: str) -> None:
    customer, _ = _customer_with_card(v1)
    with pytest.raises(stripe.CardError) as declined:
        _charge(v1, customer, number)
    error = declined.value.json_body["error"]
    assert (declined.value.http_status, error["decline_code"]) == (402, decline_code)
    intent = v1.payment_intents.retrieve(error["payment_intent"]["id"])
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", decline_code)
    again = v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "off_session": True})
    assert again.status == "succeeded"


def test_the_bank_asks_on_its_page_and_sends_back(v1: Any, far_end: FarEnd) -> None:
    customer, _ = _customer_with_card(v1)
    wanted = {
        "amount": 700,
        "currency": "usd",
        "customer": customer,
        "payment_method": "pm_card_authenticationRequired",
    }
    for answer, status in [("fail", "requires_payment_method"), ("complete", "succeeded")]:
        back = {"return_url": "http://127.0.0.1:9/billing"}
        intent = v1.payment_intents.create({**wanted, **back, "confirm": True})
        url = intent.next_action.redirect_to_url.url
        with _browse() as browser:
            assert "is this you?" in browser.get(url).text
            sent = browser.post(url, data={"answer": answer})
        assert sent.headers["location"].startswith("http://127.0.0.1:9/billing?payment_intent=pi_")
        assert v1.payment_intents.retrieve(intent.id).status == status


# --- Checkout and portal


def test_checkout_declines_asks_and_takes_a_card_and_keeps_it(v1: Any, far_end: FarEnd) -> None:
    customer = v1.customers.create({"email": "ada@example.com"}).id
    keep = {"metadata": {"payment": "pay_1"}, "setup_future_usage": "off_session"}
    session = _checkout(v1, customer, payment_intent_data=keep)
    with _browse() as browser:
        page = browser.get(session.url).text
        assert "$10.00" in page
        assert "No money moves" in page
        refused = browser.post(session.url, data={"number": DECLINED, "expiry": "12/34", "cvc": "123"})
        assert refused.status_code == 402
        assert "Your card was declined." in refused.text
        assert v1.checkout.sessions.retrieve(session.id).status == "open"
        ask = browser.post(session.url, data={"number": AUTHENTICATED, "expiry": "12/34", "cvc": "123"})
        passed = browser.post(ask.headers["location"], data={"answer": "complete"})
        done = browser.get(passed.headers["location"])
    assert done.headers["location"] == f"http://127.0.0.1:9/paid?session={session.id}"
    paid = v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (paid.status, paid.payment_status, paid.payment_intent.metadata.payment) == ("complete", "paid", "pay_1")
    card = v1.customers.payment_methods.list(customer).data[0]
    assert card.card.last4 == AUTHENTICATED[-4:]
    assert _charge(v1, customer, card.id).status == "succeeded"  # set up once: no question off the session


def test_the_portal_keeps_and_removes_cards_and_lists_papers(v1: Any, far_end: FarEnd) -> None:
    customer = v1.customers.create({"email": "<script>@example.com"}).id
    session = _checkout(v1, customer, invoice_creation={"enabled": True})
    far_end.control("POST", f"checkout/{session.id}/pay", number=VISA)
    url = v1.billing_portal.sessions.create({"customer": customer, "return_url": "http://127.0.0.1:9/b"}).url
    with _browse() as browser:
        browser.post(url, data={"act": "add", "number": VISA, "expiry": "12/34"})
        page = browser.get(url).text
        card = v1.customers.retrieve(customer).invoice_settings.default_payment_method
        assert "Visa ending in 4242, expires 12/2034 (default)" in page
        assert "<script>" not in page
        assert "-0001</a>" in page
        browser.post(url, data={"act": "remove", "method": card})
        assert "No card is saved." in browser.get(url).text


# --- Meters and months


def _meter(v1: Any, name: str) -> str:
    v1.billing.meters.create({"display_name": "Tokens", "event_name": name, "default_aggregation": {"formula": "sum"}})
    meter = next(m for m in v1.billing.meters.list().data if m.event_name == name)
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    wanted = {"currency": "usd", "unit_amount_decimal": "0.0003", "recurring": recurring}
    price = v1.prices.create({**wanted, "product_data": {"name": "Tokens"}})
    return str(price.id)


def _use(v1: Any, name: str, customer: str, value: str, **fields: Any) -> Any:
    payload = {"stripe_customer_id": customer, "value": value}
    return v1.billing.meter_events.create({"event_name": name, "payload": payload, **fields})


def test_a_meter_refuses_what_stripe_refuses(v1: Any, far_end: FarEnd) -> None:
    _meter(v1, "limits")
    customer = v1.customers.create({}).id
    now = int(time.time())
    _use(v1, "limits", customer, "5", identifier="once", timestamp=now - 35 * DAY + 60)
    for fields, said in [
        ({"identifier": "once"}, "already exists with identifier once"),
        ({"timestamp": now - 35 * DAY - 60}, "35 calendar days"),
        ({"timestamp": now + 360}, "5 minutes ahead"),
        ({"identifier": "x" * 101}, "over 100 characters"),
    ]:
        with pytest.raises(stripe.InvalidRequestError, match=said):
            _use(v1, "limits", customer, "5", **fields)
    for value in ("1.5", "-1", "", "many"):
        with pytest.raises(stripe.InvalidRequestError):
            _use(v1, "limits", customer, value)
    with pytest.raises(stripe.InvalidRequestError, match="No active meter"):
        _use(v1, "nothing", customer, "5")
    far_end.control("POST", "clock", advance_seconds=DAY + 1)
    _use(v1, "limits", customer, "5", identifier="once")  # forgotten: only the sender still knows


def test_two_events_at_once_for_one_customer_collide(v1: Any, far_end: FarEnd) -> None:
    _meter(v1, "collide")
    customer = v1.customers.create({}).id

    def send(_number: int) -> bool:
        try:
            _use(v1, "collide", customer, "1")
        except stripe.RateLimitError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(send, range(24)))
    assert True in taken
    assert False in taken
    meter = next(m for m in v1.billing.meters.list().data if m.event_name == "collide")
    minute = int(time.time()) // 60 * 60
    span = {"customer": customer, "start_time": minute, "end_time": minute + 40 * DAY}
    assert v1.billing.meters.event_summaries.list(meter.id, span).data[0].aggregated_value == sum(taken)


def test_a_month_is_invoiced_to_the_cent_and_a_dead_card_is_tried_four_times(v1: Any, far_end: FarEnd) -> None:
    price = _meter(v1, "months")
    customer, card = _customer_with_card(v1)
    wanted = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    subscription = v1.subscriptions.create(wanted).id
    _use(v1, "months", customer, "1234567")  # 370.3701 cents
    far_end.control("POST", "clock", advance_seconds=31 * DAY)
    assert v1.invoices.list({"customer": customer}).data[0].status == "draft"
    far_end.control("POST", "clock", advance_seconds=3700)
    paid = v1.invoices.list({"customer": customer}).data[0]
    assert (paid.status, paid.amount_paid, paid.lines.data[0].quantity) == ("paid", 370, 1_234_567)
    v1.payment_methods.detach(card)
    dead = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    v1.subscriptions.update(subscription, {"default_payment_method": dead})
    _use(v1, "months", customer, "1000000")
    states = []
    for seconds in (31 * DAY, 3700, 4 * DAY, 6 * DAY, 8 * DAY):
        far_end.control("POST", "clock", advance_seconds=seconds)
        states.append(v1.subscriptions.retrieve(subscription).status)
    assert states == ["active", "past_due", "past_due", "past_due", "unpaid"]
    unpaid = next(row for row in v1.invoices.list({"customer": customer}).data if row.total == 300)
    assert (unpaid.status, unpaid.attempt_count) == ("open", 4)


def test_small_sums_wait_for_the_next_invoice(v1: Any, far_end: FarEnd) -> None:
    price = _meter(v1, "crumbs")
    customer, card = _customer_with_card(v1)
    v1.subscriptions.create({"customer": customer, "items": [{"price": price}], "default_payment_method": card})
    for _ in range(2):
        _use(v1, "crumbs", customer, "100000")  # 30 cents, below the least charge
        far_end.control("POST", "clock", advance_seconds=31 * DAY)
        far_end.control("POST", "clock", advance_seconds=3700)
    dues = [invoice.amount_due for invoice in v1.invoices.list({"customer": customer}).data]
    assert dues == [60, 0]


# --- Money back


def test_refunds_and_disputes_move_the_processor_s_balance(v1: Any, far_end: FarEnd) -> None:
    customer, card = _customer_with_card(v1)
    intent = _charge(v1, customer, card, amount=1000)
    v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        v1.refunds.create({"payment_intent": intent.id, "amount": 701})
    dispute = far_end.control("POST", "disputes", payment_intent=intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        v1.refunds.create({"payment_intent": intent.id})
    v1.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": "winning_evidence"}})
    lines = v1.balance_transactions.list({"limit": 4}).data
    assert [(line.type, line.amount, line.fee) for line in lines] == [
        ("adjustment", 700, -1500),
        ("adjustment", -700, 1500),
        ("refund", -300, 0),
        ("charge", 1000, 59),
    ]


# --- Webhooks


def _clean(far_end: FarEnd, receiver: Receiver) -> None:
    far_end.wait_delivered()
    receiver.got.clear()


def test_webhooks_carry_a_signature_that_stripe_s_library_takes(v1: Any, far_end: FarEnd, receiver: Receiver) -> None:
    _clean(far_end, receiver)
    customer = v1.customers.create({"email": "ada@example.com"}, {"idempotency_key": "customer-1"}).id
    far_end.wait_delivered()
    body, signature = receiver.got[0]
    event = stripe.Webhook.construct_event(body, signature, far_end.webhook_secret)
    assert (event.type, event.data.object.id) == ("customer.created", customer)
    assert event.request.idempotency_key == "customer-1"
    for wrong_body, secret in [(body.replace(b"ada@", b"eve@"), far_end.webhook_secret), (body, "whsec_other")]:
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong_body, signature, secret)
    far_end.control("POST", "webhooks/send", ids=[event.id], signed_at=int(time.time()) - 301)
    with pytest.raises(stripe.SignatureVerificationError, match="outside the tolerance"):
        stripe.Webhook.construct_event(*receiver.got[1], far_end.webhook_secret)


def test_webhooks_are_repeated_reordered_held_and_dropped(v1: Any, far_end: FarEnd, receiver: Receiver) -> None:
    _clean(far_end, receiver)
    far_end.control("POST", "webhooks", mode="hold")
    names = [v1.customers.create({"name": name}).id for name in "abc"]
    held = [row["id"] for row in far_end.events() if row["state"] == "held"]
    assert len(held) == 3
    assert not receiver.got
    far_end.control("POST", "webhooks/release", ids=[held[2], held[0]])
    far_end.wait_delivered()
    far_end.control("POST", "webhooks/send", ids=[held[1]] * 2)
    far_end.control("POST", "webhooks", mode="drop")
    v1.customers.create({"name": "d"})
    assert far_end.events()[-1]["state"] == "dropped"
    far_end.control("POST", "webhooks", mode="deliver")
    seen = [json.loads(body)["data"]["object"]["id"] for body, _ in receiver.got]
    assert seen == [names[2], names[0], names[1], names[1]]


def test_a_webhook_that_was_refused_comes_again(v1: Any, far_end: FarEnd, receiver: Receiver) -> None:
    _clean(far_end, receiver)
    receiver.statuses = [500]
    v1.customers.create({})
    far_end.wait_delivered()
    assert [row["attempts"] for row in far_end.events()][-1] == 2
    assert receiver.got[0][0] == receiver.got[1][0]


def test_a_leap_of_the_clock_while_webhooks_wait_ends_nothing(v1: Any, far_end: FarEnd, receiver: Receiver) -> None:
    far_end.control("POST", "webhooks", delay_seconds=0.3)
    v1.customers.create({})
    far_end.control("POST", "clock", advance_seconds=40 * DAY)  # past what events are kept for
    far_end.control("POST", "webhooks", delay_seconds=0)
    _clean(far_end, receiver)
    v1.customers.create({})
    far_end.wait_delivered()
    assert len(receiver.got) == 1


# --- The process


def test_the_state_outlives_the_process(tmp_path: Path, receiver: Receiver) -> None:
    state, listed = tmp_path / "stripe.json", []
    for _ in range(2):
        with far_end_started(webhook_url=receiver.url, state=state) as far_end:
            v1 = stripe.StripeClient(far_end.secret_key, base_addresses={"api": far_end.url}).v1
            v1.customers.create({"name": "Ada"}, {"idempotency_key": "ada"})
            far_end.control("POST", "clock", advance_seconds=10)
            listed.append([customer.id for customer in v1.customers.list().data])
    assert listed[0] == listed[1]
    assert len(listed[0]) == 1
    assert json.loads(state.read_text())["offset_seconds"] == 20
    assert state.stat().st_mode & 0o777 == 0o600
