"""Stripe's webhooks: the inbox. Each event has its effect once, in any order, however often it is delivered.

1. The signature over the raw body, the age, and that test and live are not mixed. 2. A known event goes home.
3. The event's object is fetched as it is now: order and content of the delivery are not believed. 4. In ONE
transaction the event's row is written and what was fetched is applied, forward only. If Stripe does not answer in
step 3 nothing is stored and Stripe delivers again. Effects are keyed by the object (`topup:pi_…`), not by the event,
and the rows are kept for ever, so a repeat after a month is still one.
"""

import datetime as dt
from collections.abc import Callable
from typing import Literal

import structlog
from django.db import connection, transaction
from django.utils import timezone

from backend.billing import customers, stripe_client
from backend.billing.disputes import dispute_apply
from backend.billing.invoices import invoice_apply
from backend.billing.models import Customer, Payment, WebhookEvent
from backend.billing.pay_as_you_go import subscription_apply
from backend.billing.payments import payment_apply, payment_end
from backend.billing.refunds import refund_apply
from backend.billing.stripe_objects import Card, Event
from backend.core.errors import ApplicationError
from backend.core.failpoints import failpoint

log = structlog.get_logger(__name__)

Outcome = Literal["applied", "ignored", "repeated"]
Effect = Callable[[dt.datetime], object]  # applies what was fetched; its result, if any, is falsy for "not of ours"
Fetch = Callable[[Event], list[Effect]]


class WrongMode(ApplicationError):
    """A test event at a live server, or the reverse."""

    code, status = "wrong_mode", 400


def webhook_receive(*, body: bytes, signature: str, now: dt.datetime | None = None) -> Outcome:
    """Takes one delivery. Raises SignatureInvalid, WrongMode, StripeUnavailable (Stripe shall deliver again)."""
    now = now or timezone.now()
    event = stripe_client.event_verify(body, signature)
    if event.is_live != stripe_client.is_live():
        raise WrongMode(f"This server is in {'live' if stripe_client.is_live() else 'test'} mode; the event is not.")
    if WebhookEvent.objects.filter(id=event.id).exists():
        return "repeated"
    effects = _effects_fetch(event)
    outcome = _apply_once(event, effects, now=now)
    log.info("webhook", event_id=event.id, type=event.type, object=event.object_id, outcome=outcome)
    return outcome


def _effects_fetch(event: Event) -> list[Effect]:
    fetch = next((fetch for prefix, fetch in FETCHES.items() if event.type.startswith(prefix)), None)
    if fetch is None or not event.object_id:
        return []
    try:
        return fetch(event)
    except stripe_client.StripeMissing:
        log.warning("webhook.object_gone", event_id=event.id, type=event.type, object=event.object_id)
        return []


@transaction.atomic
def _apply_once(event: Event, effects: list[Effect], *, now: dt.datetime) -> Outcome:
    if not _inbox_write(event, "applied" if effects else "ignored", now=now):
        return "repeated"
    told = [effect(now) for effect in effects]
    failpoint("webhook.stored")
    if effects and not any(told):
        WebhookEvent.objects.filter(id=event.id).update(outcome="ignored")
        return "ignored"
    return "applied" if effects else "ignored"


def _inbox_write(event: Event, outcome: str, *, now: dt.datetime) -> bool:
    """False: it is there. A second delivery at the same moment waits here until the first one stands or is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_webhookevent (id, type, object_id, outcome, created_at, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [event.id, event.type[:120], event.object_id[:255], outcome, event.created_at, now],
        )
        return bool(cursor.rowcount == 1)


# --- What is fetched for which event


def _intent_effects(intent_id: str | None) -> list[Effect]:
    if intent_id is None:
        return []
    intent = stripe_client.intent_fetch(intent_id)
    if not intent.payment_id:
        return []
    return [lambda now: payment_apply(intent, now=now)]


def _of_intent(event: Event) -> list[Effect]:
    return _intent_effects(event.object_id)


def _of_session(event: Event) -> list[Effect]:
    session = stripe_client.checkout_fetch(event.object_id)
    if not session.payment_id:
        return []
    effects = _intent_effects(session.payment_intent_id)
    if session.status == "expired":
        effects.append(lambda now: _session_expire(session.payment_id, now))
    return effects


def _session_expire(payment_id: str, now: dt.datetime) -> bool:
    payment_end(payment_id, Payment.Status.EXPIRED, code="expired", message="The page expired.", now=now)
    return True


def _payment_effects(intent_id: str | None) -> list[Effect]:
    """What a refund or a dispute is about comes first: its own event may not have arrived yet."""
    effects = _intent_effects(intent_id)
    if effects or intent_id is None:
        return effects
    invoice_id = stripe_client.invoice_of_intent(intent_id)
    return _invoice_effects(invoice_id) if invoice_id else []


def _of_refund(event: Event) -> list[Effect]:
    refund = stripe_client.refund_fetch(event.object_id)
    return [*_payment_effects(refund.payment_intent_id), lambda now: refund_apply(refund, now=now)]


def _of_refunded_charge(event: Event) -> list[Effect]:
    intent_id = event.object.get("payment_intent")
    if not isinstance(intent_id, str):
        return []
    effects = _payment_effects(intent_id)
    for refund in stripe_client.refunds_of(intent_id):
        effects.append(lambda now, refund=refund: refund_apply(refund, now=now))  # type: ignore[misc]
    return effects


def _of_dispute(event: Event) -> list[Effect]:
    dispute = stripe_client.dispute_fetch(event.object_id)
    return [*_payment_effects(dispute.payment_intent_id), lambda now: dispute_apply(dispute, now=now)]


def _invoice_effects(invoice_id: str) -> list[Effect]:
    invoice = stripe_client.invoice_fetch(invoice_id)
    return [lambda now: invoice_apply(invoice, now=now)]


def _of_invoice(event: Event) -> list[Effect]:
    return _invoice_effects(event.object_id)


def _of_subscription(event: Event) -> list[Effect]:
    subscription = stripe_client.subscription_fetch(event.object_id)
    return [lambda now: subscription_apply(subscription, now=now)]


def _of_customer(event: Event) -> list[Effect]:
    """The portal may have changed the card that is charged by default."""
    customer = stripe_client.customer_fetch(event.object_id)
    if customer.default_card is None:
        return []
    card = customer.default_card
    return [lambda now: _card_keep(customer.id, card)]


def _card_keep(stripe_customer_id: str, card: Card) -> bool:
    found = Customer.objects.filter(stripe_customer_id=stripe_customer_id).first()
    if found is not None:
        customers.card_keep(account_id=found.account_id, card=card)
    return found is not None


def _of_detached_method(event: Event) -> list[Effect]:
    return [lambda now: customers.card_forget(event.object_id)]


# By the beginning of the type, the first that fits.
FETCHES: dict[str, Fetch] = {
    "checkout.session.": _of_session,
    "payment_intent.": _of_intent,
    "charge.dispute.": _of_dispute,
    "charge.refunded": _of_refunded_charge,
    "charge.refund.": _of_refund,
    "refund.": _of_refund,
    "invoice.": _of_invoice,
    "customer.subscription.": _of_subscription,
    "customer.updated": _of_customer,
    "payment_method.detached": _of_detached_method,
}
