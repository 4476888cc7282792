"""The far end speaks as Stripe publishes it: each endpoint is called, each request and answer held to the schema."""

import copy
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from backend.billing.stripe_fake.api import ENDPOINTS
from tests.contracts.stripe_contract import event_faults, faults_of, operations
from tests.stripe_far_end import FarEnd, far_end_started

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def far_end() -> Iterator[FarEnd]:
    with far_end_started(webhook_url="http://127.0.0.1:9/nobody") as started:
        yield started


def client_of(far_end: FarEnd) -> Any:
    return stripe.StripeClient(far_end.secret_key, base_addresses={"api": far_end.url}).v1


def _checkout(stripe_v1: Any, customer: str, **fields: Any) -> Any:
    data = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Credit"}}
    items = [{"price_data": data, "quantity": 1}]
    urls = {"success_url": "http://127.0.0.1/paid?session={CHECKOUT_SESSION_ID}", "cancel_url": "http://127.0.0.1/"}
    return stripe_v1.checkout.sessions.create(
        {"mode": "payment", "customer": customer, "line_items": items, **urls, **fields}
    )


def _customers_and_cards(v1: Any, far_end: FarEnd) -> tuple[str, str]:
    customer = v1.customers.create({"email": "ada@example.com", "metadata": {"account": "acc_1"}}).id
    v1.customers.update(customer, {"name": "Ada"})
    v1.customers.retrieve(customer)
    v1.customers.list({"email": "ada@example.com"})
    v1.customers.delete(v1.customers.create({}).id)
    keep = {"payment_intent_data": {"setup_future_usage": "off_session"}, "invoice_creation": {"enabled": True}}
    session = _checkout(v1, customer, **keep)
    far_end.control("POST", f"checkout/{session.id}/pay", number="4242424242424242")
    v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge", "line_items", "customer"]})
    v1.checkout.sessions.line_items.list(session.id)
    v1.checkout.sessions.list({"customer": customer})
    v1.checkout.sessions.expire(_checkout(v1, customer).id)
    card = v1.payment_methods.list({"customer": customer, "type": "card"}).data[0].id
    v1.customers.payment_methods.list(customer)
    v1.payment_methods.retrieve(card)
    other = v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}}).id
    v1.payment_methods.attach(other, {"customer": customer})
    v1.payment_methods.detach(other)
    v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    v1.billing_portal.sessions.create({"customer": customer, "return_url": "http://127.0.0.1/"})
    return customer, card


def _setup(v1: Any, far_end: FarEnd, customer: str) -> None:
    urls = {"success_url": "http://127.0.0.1/", "currency": "usd"}
    session = v1.checkout.sessions.create({"mode": "setup", "customer": customer, **urls})
    assert far_end.control("POST", f"checkout/{session.id}/pay", number="4000002500003155")["ask"]
    waiting = v1.setup_intents.list({"customer": customer}).data[0]
    assert v1.setup_intents.retrieve(waiting.id).status == "requires_action"
    v1.setup_intents.cancel(waiting.id)


def _payments(v1: Any, far_end: FarEnd, customer: str, card: str) -> None:
    charge = {"amount": 500, "currency": "usd", "customer": customer, "payment_method": card}
    off = v1.payment_intents.create({**charge, "off_session": True, "confirm": True})
    later = v1.payment_intents.create(charge)
    v1.payment_intents.update(later.id, {"description": "Credit"})
    v1.payment_intents.confirm(later.id, {"return_url": "http://127.0.0.1/"})
    v1.payment_intents.cancel(v1.payment_intents.create(charge).id)
    v1.payment_intents.retrieve(off.id, {"expand": ["latest_charge.balance_transaction", "customer"]})
    v1.payment_intents.list({"customer": customer, "created": {"gte": 1}})
    v1.charges.retrieve(v1.charges.list({"customer": customer}).data[0].id)
    v1.refunds.retrieve(v1.refunds.create({"payment_intent": off.id, "amount": 100}).id)
    v1.refunds.list({"payment_intent": off.id})
    far_end.control("POST", "disputes", payment_intent=later.id)
    dispute = v1.disputes.list({"payment_intent": later.id}).data[0].id
    v1.disputes.update(dispute, {"evidence": {"product_description": "Tokens"}, "submit": False})
    v1.disputes.retrieve(dispute)
    v1.disputes.close(dispute)
    line = v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]}).data[0]
    v1.balance_transactions.retrieve(line.id)
    for number in ("pm_card_chargeDeclined", "pm_card_authenticationRequired"):
        with pytest.raises(stripe.CardError):
            v1.payment_intents.create({**charge, "payment_method": number, "off_session": True, "confirm": True})


def _metered(v1: Any, far_end: FarEnd, customer: str, card: str) -> None:
    mapping = {"type": "by_id", "event_payload_key": "stripe_customer_id"}
    meter = v1.billing.meters.create(
        {
            "display_name": "Tokens",
            "event_name": "tokens",
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": mapping,
            "value_settings": {"event_payload_key": "value"},
        }
    ).id
    v1.billing.meters.retrieve(v1.billing.meters.list({"status": "active"}).data[0].id)
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter}
    product = v1.products.retrieve(v1.products.create({"name": "Tokens", "unit_label": "token"}).id).id
    price = v1.prices.create(
        {"currency": "usd", "unit_amount_decimal": "0.0003", "recurring": recurring, "product": product}
    ).id
    v1.prices.update(price, {"lookup_key": "tokens"})
    v1.prices.retrieve(v1.prices.list({"lookup_keys": ["tokens"]}).data[0].id)
    v1.products.list()
    wanted = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    subscription = v1.subscriptions.create(wanted).id
    v1.subscriptions.update(subscription, {"metadata": {"account": "acc_1"}})
    v1.subscriptions.retrieve(v1.subscriptions.list({"customer": customer}).data[0].id)
    payload = {"stripe_customer_id": customer, "value": "1000000"}
    v1.billing.meter_events.create({"event_name": "tokens", "payload": payload, "identifier": "hour-1"})
    start = int(time.time()) // HOUR * HOUR
    span = {"customer": customer, "start_time": start - HOUR, "end_time": start + HOUR}
    summaries = v1.billing.meters.event_summaries.list(meter, {**span, "value_grouping_window": "hour"})
    assert summaries.data[0].aggregated_value == 1_000_000
    far_end.control("POST", "clock", advance_seconds=32 * DAY)
    draft = v1.invoices.list({"customer": customer, "status": "draft"}).data[0].id
    paid = v1.invoices.finalize_invoice(draft)
    assert (paid.status, paid.total) == ("paid", 300)
    v1.invoices.retrieve(draft, {"expand": ["payments"]})
    v1.invoice_payments.list({"invoice": draft})
    v1.billing.meter_events.create({"event_name": "tokens", "payload": payload})
    v1.subscriptions.update(subscription, {"default_payment_method": "pm_card_chargeCustomerFail"})
    v1.subscriptions.cancel(subscription, {"invoice_now": True})
    unpaid = v1.invoices.list({"customer": customer, "status": "open"}).data[0].id
    assert v1.invoices.pay(unpaid, {"payment_method": "pm_card_visa"}).status == "paid"


def _void(v1: Any, far_end: FarEnd) -> None:
    broke = v1.customers.create({}).id
    price = v1.prices.list({"lookup_keys": ["tokens"]}).data[0].id
    subscription = v1.subscriptions.create({"customer": broke, "items": [{"price": price}]}).id
    payload = {"stripe_customer_id": broke, "value": "1000000"}
    v1.billing.meter_events.create({"event_name": "tokens", "payload": payload})
    v1.subscriptions.cancel(subscription, {"invoice_now": True})
    unpaid = v1.invoices.list({"customer": broke}).data[0]
    assert unpaid.status == "open"
    assert v1.invoices.void_invoice(unpaid.id).status == "void"


def test_every_endpoint_is_as_published(far_end: FarEnd) -> None:
    v1 = client_of(far_end)
    customer, card = _customers_and_cards(v1, far_end)
    _setup(v1, far_end, customer)
    _payments(v1, far_end, customer, card)
    v1.events.retrieve(v1.events.list({"types": ["payment_intent.succeeded"]}).data[0].id)
    _metered(v1, far_end, customer, card)
    _void(v1, far_end)
    exchanges = far_end.control("GET", "exchanges")
    heard = {f"{said['method']} {said['path']}" for said in exchanges if said["status"] == 200}
    assert heard == operations() == {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}
    assert not far_end.faults()  # the fixture looks once more at the end


def test_a_departure_from_the_schema_is_found(far_end: FarEnd) -> None:
    v1 = client_of(far_end)
    v1.customers.create({"name": "Eve", "metadata": {"a": "b"}})
    said = far_end.control("GET", "exchanges")[-1]
    assert not faults_of(said)
    for where, what, found in [
        ("form", {"nmae": "Eve"}, r"request.*nmae"),
        ("form", {"metadata": ["a"]}, r"request.*at /metadata"),
        ("body", {"created": "yesterday"}, r"answer.*at /created"),
        ("body", {"emial": None}, r"answer.*emial"),
        ("body", {"invoice_settings": {"footer": 1}}, r"answer.*at /invoice_settings"),
    ]:
        planted = copy.deepcopy(said)
        planted[where] |= what
        assert re.search(found, "\n".join(faults_of(planted)).replace("\n", " ")), (what, faults_of(planted))
    event = far_end.control("GET", "objects/event")[-1]
    assert event["type"] == "customer.created"
    assert not event_faults(event)
    event["data"]["object"]["livemode"] = "no"
    assert event_faults(event)
