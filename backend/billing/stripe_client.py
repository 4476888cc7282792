"""The one door to Stripe: every request we send, each with a time limit, writes with an idempotency key.

Answers are read into stripe_objects' values. What can go wrong has three names: StripeUnavailable (we do not know
whether it was done: ask again with the same key), StripeRefused (it was not done, and why), CardDeclined (the bank
said no; the payment as it stands is in it). Keys repeat only within a day at Stripe; whoever repeats later looks
first whether it was done. Not here: what a flow makes of an answer.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import stripe
import structlog
from django.conf import settings

from backend.billing import stripe_objects as read
from backend.core.errors import ApplicationError, ServiceUnavailable

log = structlog.get_logger(__name__)

API_VERSION = "2026-05-27.dahlia"  # the published schema that the contract tests hold our requests to
REQUEST_SECONDS_MAX = 10  # a person waits behind most of them
RETRIES_MAX = 2  # by the SDK, with the same key, after 0.5 to 5 s; the sweeps are the longer patience
KEY_LIFE = dt.timedelta(hours=23)  # Stripe keeps an idempotency key at least 24 hours
PAGE_MAX = 100  # Stripe's most
SIGNATURE_TOLERANCE_SECONDS = 300
RETRY_AFTER_SECONDS = 30  # what we tell a caller when Stripe does not answer

METER_EVENT_NAME = "svend_units"
METER_NAME = "Svend tokens"
# One unit is one token at $3 per 1M: 3,000 n$ = 0.0003 cents. What is priced otherwise is metered by its cost.
PRICE_LOOKUP_KEY = "svend_unit_3000_nano_usd"
UNIT_NANO_USD = 3_000
UNIT_AMOUNT_CENTS_DECIMAL = "0.0003"


class StripeUnavailable(ServiceUnavailable):
    """No answer, 5xx or 429: whether it was done is unknown. The same key may be sent again."""

    code = "payments_unavailable"


class StripeRefused(ApplicationError):
    """Stripe answered that it will not do that."""

    code, status = "payment_refused", 400


class StripeMissing(StripeRefused):
    """Stripe knows no such object."""


class CardDeclined(StripeRefused):
    """The bank refused. `intent` is the payment as it stands, where there is one."""

    code, status = "card_declined", 402

    def __init__(self, message: str, *, intent: read.PaymentIntent | None) -> None:
        super().__init__(message)
        self.intent = intent


class SignatureInvalid(ApplicationError):
    """A webhook that Stripe did not sign for us, or long ago."""

    code, status = "invalid_signature", 400


def is_configured() -> bool:
    return bool(settings.STRIPE_API_KEY)


def is_live() -> bool:
    return str(settings.STRIPE_API_KEY).startswith(("sk_live_", "rk_live_"))


@lru_cache(maxsize=4)
def _client(api_key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": base, "meter_events": base},
        max_network_retries=RETRIES_MAX,
        http_client=stripe.RequestsClient(timeout=REQUEST_SECONDS_MAX),
    )


def _v1() -> Any:
    if not is_configured():
        raise ServiceUnavailable("Payments are not set up on this server: STRIPE_API_KEY is empty.", code="no_payments")
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE).v1


@contextlib.contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turns the SDK's errors into our three names."""
    try:
        yield
    except stripe.CardError as error:
        raw = (error.json_body or {}).get("error", {}).get("payment_intent")  # type: ignore[attr-defined]
        intent = read.payment_intent_read(raw) if raw else None
        raise CardDeclined(error.user_message or "The card was declined.", intent=intent) from error
    except stripe.StripeError as error:
        if _is_unknown(error):
            log.warning("stripe.unavailable", what=what, status=error.http_status, error=str(error))
            message = "The payment provider does not answer just now. Nothing is lost: try again in a minute."
            raise StripeUnavailable(message, retry_after_seconds=RETRY_AFTER_SECONDS) from error
        log.warning("stripe.refused", what=what, status=error.http_status, code=error.code, error=str(error))
        kind = StripeMissing if error.http_status == 404 else StripeRefused
        raise kind(f"The payment provider refused to {what}: {error.user_message}") from error


def _is_unknown(error: stripe.StripeError) -> bool:
    """Whether the request may or may not have been done: no answer, 5xx, 429, or 409, when a twin of it is in hand."""
    is_passing = isinstance(error, stripe.APIConnectionError | stripe.RateLimitError | stripe.APIError)
    return is_passing or error.http_status == 409


def _write(key: str) -> dict[str, Any]:
    assert 0 < len(key) <= 255, f"{key=}"
    return {"idempotency_key": key}


# --- Customers and their cards


def customer_create(*, account_id: str, name: str, email: str) -> str:
    params = {"name": name, "metadata": {"account_id": account_id}} | ({"email": email} if email else {})
    with _asking("make a customer"):
        return str(_v1().customers.create(params, _write(f"customer:{account_id}")).id)


def customer_fetch(customer_id: str) -> read.Customer:
    with _asking("read a customer"):
        found = _v1().customers.retrieve(customer_id, {"expand": ["invoice_settings.default_payment_method"]})
    return read.customer_read(found.to_dict())


def portal_url(*, customer_id: str, return_url: str, key: str) -> str:
    params = {"customer": customer_id, "return_url": return_url}
    with _asking("open the billing portal"):
        return str(_v1().billing_portal.sessions.create(params, _write(key)).url)


# --- Payments


def checkout_create(
    *, payment_id: str, customer_id: str, amount_cents: int, keep_card: bool, success_url: str, cancel_url: str
) -> read.CheckoutSession:
    metadata = {"payment_id": payment_id}
    intent: dict[str, Any] = {"metadata": metadata, "description": "Svend credit"}
    params: dict[str, Any] = {
        "mode": "payment",
        "customer": customer_id,
        "client_reference_id": payment_id,
        "metadata": metadata,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": read.CURRENCY,
                    "unit_amount": amount_cents,
                    "tax_behavior": "exclusive",
                    "product_data": {"name": "Svend credit"},
                },
            }
        ],
        "payment_method_types": ["card"],
        "payment_intent_data": intent | ({"setup_future_usage": "off_session"} if keep_card else {}),
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    if settings.STRIPE_TAX:
        params |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    with _asking("open the Checkout page"):
        made = _v1().checkout.sessions.create(params, _write(f"checkout:{payment_id}"))
    return read.checkout_session_read(made.to_dict())


def checkout_fetch(session_id: str) -> read.CheckoutSession:
    with _asking("read a Checkout page"):
        return read.checkout_session_read(_v1().checkout.sessions.retrieve(session_id).to_dict())


def intent_create_off_session(
    *, payment_id: str, customer_id: str, payment_method_id: str, amount_cents: int
) -> read.PaymentIntent:
    """Charges a kept card while nobody is there. Raises CardDeclined with the intent, also when the bank wants its
    customer to confirm (`error_code` is then `authentication_required`)."""
    params = {
        "amount": amount_cents,
        "currency": read.CURRENCY,
        "customer": customer_id,
        "payment_method": payment_method_id,
        "payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "description": "Svend credit, automatic top-up",
        "metadata": {"payment_id": payment_id},
        "expand": ["payment_method"],
    }
    with _asking("charge the saved card"):
        made = _v1().payment_intents.create(params, _write(f"charge:{payment_id}"))
    return read.payment_intent_read(made.to_dict())


def intent_confirm(intent_id: str, *, payment_method_id: str, return_url: str, key: str) -> read.PaymentIntent:
    """Tries again with the customer present; `action_url` is where their bank asks them."""
    params = {"payment_method": payment_method_id, "return_url": return_url, "expand": ["payment_method"]}
    with _asking("confirm the payment"):
        return read.payment_intent_read(_v1().payment_intents.confirm(intent_id, params, _write(key)).to_dict())


def intent_fetch(intent_id: str) -> read.PaymentIntent:
    with _asking("read a payment"):
        found = _v1().payment_intents.retrieve(intent_id, {"expand": ["payment_method"]})
    return read.payment_intent_read(found.to_dict())


def intent_find(*, customer_id: str, payment_id: str, since: dt.datetime) -> read.PaymentIntent | None:
    """The intent of one of our payments, by its metadata: for when the key has been forgotten."""
    params = {"customer": customer_id, "created": {"gte": int(since.timestamp())}, "limit": PAGE_MAX}
    with _asking("look for a payment"):
        found = _v1().payment_intents.list(params)
        for raw in found.auto_paging_iter():
            if (intent := read.payment_intent_read(raw.to_dict())).payment_id == payment_id:
                return intent
    return None


def intent_cancel(intent_id: str) -> read.PaymentIntent:
    """Raises StripeRefused when it is paid or cancelled already."""
    with _asking("cancel a payment"):
        return read.payment_intent_read(
            _v1().payment_intents.cancel(intent_id, {}, _write(f"cancel:{intent_id}")).to_dict()
        )


def refund_create(*, refund_id: str, payment_intent_id: str, amount_cents: int) -> read.Refund:
    params = {
        "payment_intent": payment_intent_id,
        "amount": amount_cents,
        "reason": "requested_by_customer",
        "metadata": {"refund_id": refund_id},
    }
    with _asking("refund"):
        return read.refund_read(_v1().refunds.create(params, _write(f"refund:{refund_id}")).to_dict())


def refund_fetch(stripe_refund_id: str) -> read.Refund:
    with _asking("read a refund"):
        return read.refund_read(_v1().refunds.retrieve(stripe_refund_id).to_dict())


def refunds_of(payment_intent_id: str) -> list[read.Refund]:
    with _asking("list refunds"):
        found = _v1().refunds.list({"payment_intent": payment_intent_id, "limit": PAGE_MAX})
        return [read.refund_read(raw.to_dict()) for raw in found.auto_paging_iter()]


def dispute_fetch(dispute_id: str) -> read.Dispute:
    with _asking("read a dispute"):
        return read.dispute_read(_v1().disputes.retrieve(dispute_id).to_dict())


# --- Pay-as-you-go


def meter_id() -> str:
    """The meter's id; made at the first use."""
    with _asking("read the meters"):
        for meter in _v1().billing.meters.list({"status": "active", "limit": PAGE_MAX}).auto_paging_iter():
            if meter.event_name == METER_EVENT_NAME:
                return str(meter.id)
    params = {
        "display_name": METER_NAME,
        "event_name": METER_EVENT_NAME,
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
    }
    with _asking("make the meter"):
        return str(_v1().billing.meters.create(params, _write(f"meter:{METER_EVENT_NAME}")).id)


def price_find() -> str | None:
    with _asking("read the prices"):
        found = _v1().prices.list({"lookup_keys": [PRICE_LOOKUP_KEY], "active": True, "limit": 1}).data
    return str(found[0].id) if found else None


def price_id() -> str:
    """The metered price's id; made, with its meter, at the first use."""
    if (found := price_find()) is not None:
        return found
    params = {
        "currency": read.CURRENCY,
        "unit_amount_decimal": UNIT_AMOUNT_CENTS_DECIMAL,
        "lookup_key": PRICE_LOOKUP_KEY,
        "tax_behavior": "exclusive",
        "recurring": {"interval": "month", "usage_type": "metered", "meter": meter_id()},
        "product_data": {"name": METER_NAME},
    }
    with _asking("make the price"):
        return str(_v1().prices.create(params, _write(f"price:{PRICE_LOOKUP_KEY}")).id)


def subscription_create(*, account_id: str, customer_id: str, payment_method_id: str, key: str) -> read.Subscription:
    params: dict[str, Any] = {
        "customer": customer_id,
        "items": [{"price": price_id()}],
        "default_payment_method": payment_method_id,
        "metadata": {"account_id": account_id},
    }
    if settings.STRIPE_TAX:
        params |= {"automatic_tax": {"enabled": True}}
    with _asking("begin pay-as-you-go"):
        return read.subscription_read(_v1().subscriptions.create(params, _write(key)).to_dict())


def subscription_cancel(subscription_id: str) -> read.Subscription:
    """Ends it with a last invoice for what was used."""
    params = {"invoice_now": True, "prorate": False}
    with _asking("end pay-as-you-go"):
        ended = _v1().subscriptions.cancel(subscription_id, params, _write(f"end:{subscription_id}"))
    return read.subscription_read(ended.to_dict())


def subscription_fetch(subscription_id: str) -> read.Subscription:
    with _asking("read a subscription"):
        return read.subscription_read(_v1().subscriptions.retrieve(subscription_id).to_dict())


def invoice_fetch(invoice_id: str) -> read.Invoice:
    with _asking("read an invoice"):
        found = _v1().invoices.retrieve(invoice_id, {"expand": ["payments"]})
    return read.invoice_read(found.to_dict(), price_id=price_find() or "")


def invoice_of_intent(intent_id: str) -> str | None:
    """The invoice that a PaymentIntent pays, or None."""
    params = {"payment": {"type": "payment_intent", "payment_intent": intent_id}, "limit": 1}
    with _asking("look for an invoice"):
        found = _v1().invoice_payments.list(params).data
    return str(found[0].invoice) if found else None


def meter_event_send(*, identifier: str, customer_id: str, units: int, at: dt.datetime) -> bool:
    """True when Stripe has it now, False when it had it before: it refuses a known identifier with 400.

    Raises StripeUnavailable, StripeRefused.
    """
    params = {
        "event_name": METER_EVENT_NAME,
        "identifier": identifier,
        "timestamp": int(at.timestamp()),
        "payload": {"stripe_customer_id": customer_id, "value": str(units)},
    }
    try:
        with _asking("meter usage"):
            # The moment is part of the key: told anew with another one, only the identifier may stop it.
            _v1().billing.meter_events.create(params, _write(f"{identifier}:{int(at.timestamp())}"))
    except StripeRefused as refused:
        if "already exists with identifier" in refused.message:
            return False
        raise
    return True


def meter_units_between(*, customer_id: str, start: dt.datetime, end: dt.datetime) -> int:
    """What Stripe has counted for a customer from `start` to before `end`, both on whole minutes."""
    params = {
        "customer": customer_id,
        "start_time": int(start.timestamp()),
        "end_time": int(end.timestamp()),
        "limit": PAGE_MAX,
    }
    with _asking("read metered usage"):
        found = _v1().billing.meters.event_summaries.list(meter_id(), params)
        return sum(int(summary.aggregated_value) for summary in found.auto_paging_iter())


# --- The far end's own books, and its webhooks


def balance_transactions(*, since: dt.datetime, until: dt.datetime) -> Iterator[read.BalanceTransaction]:
    """Lines of our account at Stripe from `since` to `until`, the newest first."""
    span = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    with _asking("list the balance"):
        found = _v1().balance_transactions.list({"limit": PAGE_MAX, "expand": ["data.source"], "created": span})
        for raw in found.auto_paging_iter():
            yield read.balance_transaction_read(raw.to_dict())


def event_verify(body: bytes, signature: str) -> read.Event:
    """The event of a webhook's raw body. Raises SignatureInvalid; two secrets may be good while one is replaced."""
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        with contextlib.suppress(stripe.SignatureVerificationError, UnicodeDecodeError):
            stripe.WebhookSignature.verify_header(body, signature, secret, SIGNATURE_TOLERANCE_SECONDS)
            return _event_of(body)
    raise SignatureInvalid("The signature is not Stripe's, or older than five minutes.")


def _event_of(body: bytes) -> read.Event:
    try:
        return read.event_read(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        raise SignatureInvalid(f"This is signed, but no event: {error!r}") from error
