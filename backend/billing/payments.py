"""Top-ups: what a PaymentIntent of Stripe means for a payment of ours and for the ledger.

`payment_apply` is the one place where a top-up becomes credit: webhooks, answers and sweeps all end there, with an
intent fetched just now. The ledger's source is the PaymentIntent, so a payment is credited once, whoever comes first
and however often. Lock order, here and everywhere in billing: auto top-up, payment, balance.
"""

import datetime as dt

import structlog
from django.db import transaction
from django.db.models import F, Q

from backend.billing import auto_settings, customers, stripe_client
from backend.billing.models import Customer, Payment
from backend.billing.pauses import pauses_review
from backend.billing.states import PAYMENT_UNFINISHED, payment_is_news
from backend.billing.stripe_objects import PaymentIntent
from backend.core.audit import Area, audit_write
from backend.core.errors import NotFound
from backend.core.failpoints import failpoint
from backend.metering.payments import NANO_USD_PER_CENT, Kind, Movement, money_in

log = structlog.get_logger(__name__)

FAILURE_CHARS_MAX = 240
ACTION_LIFE = dt.timedelta(hours=23)  # for a confirmation by the bank; then the payment is given up
REFRESH_AFTER = dt.timedelta(seconds=60)  # a webhook usually comes within seconds; then we look ourselves
CLOCK_SKEW = dt.timedelta(minutes=5)  # between us and Stripe
REFRESH_OLD_AFTER = dt.timedelta(hours=1)  # a page older than this was left open by somebody: asked once so long
REFRESH_MAX = 100  # per sweep

Status = Payment.Status


def payment_get(*, account_id: str, payment_id: str) -> Payment:
    """Raises NotFound also for another account's: both look the same."""
    payment = Payment.objects.filter(account_id=account_id, id=payment_id).first()
    if payment is None:
        raise NotFound(f"There is no payment {payment_id!r}.", code="payment_not_found")
    return payment


@transaction.atomic
def payment_apply(intent: PaymentIntent, *, now: dt.datetime) -> Payment | None:
    """Moves the payment forward to what the intent says. None: the intent is none of ours."""
    payment = _locked(intent.payment_id)
    if payment is None:
        return None
    customer = Customer.objects.filter(account_id=payment.account_id).first()
    if customer is None or customer.stripe_customer_id != intent.customer_id:
        log.error("payment.foreign_intent", payment_id=payment.id, intent=intent.id, customer=intent.customer_id)
        return None
    if payment.payment_intent_id is None:
        payment.payment_intent_id = intent.id
        payment.save(update_fields=["payment_intent_id"])
    told = _status_of(intent, payment)
    if told is Status.SUCCEEDED:
        _credit(payment, intent)
    if payment_is_news(payment.status, told):
        _advance(payment, told, intent, now=now)
    return payment


def _locked(payment_id: str) -> Payment | None:
    account_id = Payment.objects.filter(id=payment_id).values_list("account_id", flat=True).first()
    if account_id is None:
        return None
    auto_settings.settings_lock(account_id)
    return Payment.objects.select_for_update().get(id=payment_id)


def _status_of(intent: PaymentIntent, payment: Payment) -> Payment.Status:
    if intent.status == "succeeded":
        return Status.SUCCEEDED
    if intent.status == "canceled":
        return Status.EXPIRED
    if payment.kind == Payment.Kind.CHECKOUT:
        return Status.OPEN  # the page itself asks for another card, or sends to the bank
    if intent.status == "requires_action" or intent.error_code == "authentication_required":
        return Status.ACTION_REQUIRED
    if intent.status == "requires_payment_method" and intent.error_code:
        return Status.FAILED
    return Status.OPEN


def _credit(payment: Payment, intent: PaymentIntent) -> None:
    """Books what was received. What is above the amount asked for is tax: the page adds nothing else."""
    tax_cents = max(0, intent.received_cents - payment.amount_cents)
    if intent.received_cents < payment.amount_cents:
        log.error("payment.short", payment_id=payment.id, received_cents=intent.received_cents)
    money_in(
        Movement(
            kind=Kind.TOPUP,
            source=f"topup:{intent.id}",
            account_id=payment.account_id,
            total_nano_usd=intent.received_cents * NANO_USD_PER_CENT,
            tax_nano_usd=tax_cents * NANO_USD_PER_CENT,
            actor="stripe",
            reason=f"{payment.get_kind_display()} top-up {payment.id}",
        )
    )
    if payment.tax_cents != tax_cents:
        payment.tax_cents = tax_cents
        payment.save(update_fields=["tax_cents"])


def _advance(payment: Payment, told: Payment.Status, intent: PaymentIntent, *, now: dt.datetime) -> None:
    before = payment.status
    payment.status = told
    payment.failure_code = "" if told is Status.SUCCEEDED else (intent.decline_code or intent.error_code)
    payment.failure_message = "" if told is Status.SUCCEEDED else intent.error_message[:FAILURE_CHARS_MAX]
    if told not in PAYMENT_UNFINISHED:
        payment.finished_at = now
    payment.save(update_fields=["status", "failure_code", "failure_message", "finished_at"])
    if told is Status.SUCCEEDED and intent.card is not None and payment.is_card_kept:
        customers.card_keep(account_id=payment.account_id, card=intent.card)
    _follow_up(payment, before=before, now=now)


def payment_end(payment_id: str, told: Payment.Status, *, code: str, message: str, now: dt.datetime) -> None:
    """Ends a payment of which no intent can tell: the page expired, or Stripe refused to make one."""
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment is None or not payment_is_news(payment.status, told):
            return
        before = payment.status
        payment.status, payment.finished_at = told, now
        payment.failure_code, payment.failure_message = code, message[:FAILURE_CHARS_MAX]
        payment.save(update_fields=["status", "failure_code", "failure_message", "finished_at"])
        _follow_up(payment, before=before, now=now)


def _follow_up(payment: Payment, *, before: str, now: dt.datetime) -> None:
    audit_write(
        area=Area.MONEY,
        action=f"payment.{payment.status}",
        account_id=payment.account_id,
        target=payment.id,
        before={"status": before},
        after={"status": payment.status, "amount_cents": payment.amount_cents, "failure_code": payment.failure_code},
        actor="stripe",
    )
    if payment.kind == Payment.Kind.AUTO:
        auto_settings.payment_moved(payment, now=now)
    if payment.status == Status.SUCCEEDED:
        pauses_review(payment.account_id, now=now)


# --- Charging the kept card


def charge_send(payment: Payment, *, now: dt.datetime) -> None:
    """Asks Stripe to charge the kept card for an automatic top-up, or learns that it was done, and applies that.

    Repeats are harmless: within `KEY_LIFE` the key is the payment's, later Stripe is asked for the payment first.
    Raises StripeUnavailable: then the sweep comes back.
    """
    customer = Customer.objects.get(account_id=payment.account_id)
    if now - payment.created_at > stripe_client.KEY_LIFE:
        if not _charge_find(payment, customer, now=now):
            payment_end(payment.id, Status.EXPIRED, code="expired", message="It never reached the bank.", now=now)
        return
    try:
        intent = stripe_client.intent_create_off_session(
            payment_id=payment.id,
            customer_id=customer.stripe_customer_id,
            payment_method_id=customer.payment_method_id,
            amount_cents=payment.amount_cents,
        )
        failpoint("auto_top_up.sent")
    except stripe_client.CardDeclined as declined:
        if declined.intent is None:
            payment_end(payment.id, Status.FAILED, code=declined.code, message=declined.message, now=now)
            return
        intent = declined.intent
    except stripe_client.StripeRefused as refused:
        # Also what a key answers that was used with the card of before: then the first try may have charged that one.
        if not _charge_find(payment, customer, now=now):
            payment_end(payment.id, Status.FAILED, code=refused.code, message=refused.message, now=now)
        return
    payment_apply(intent, now=now)


def _charge_find(payment: Payment, customer: Customer, *, now: dt.datetime) -> bool:
    """Applies the charge if Stripe has it."""
    found = stripe_client.intent_find(
        customer_id=customer.stripe_customer_id, payment_id=payment.id, since=payment.created_at - CLOCK_SKEW
    )
    if found is not None:
        payment_apply(stripe_client.intent_fetch(found.id), now=now)
    return found is not None


# --- Looking ourselves, where no webhook came


def payment_refresh(payment: Payment, *, now: dt.datetime) -> Payment:
    """Asks Stripe how an unfinished payment stands and applies that. Raises StripeUnavailable, StripeRefused."""
    Payment.objects.filter(id=payment.id).update(asked_at=now)
    if payment.status in PAYMENT_UNFINISHED:
        if payment.kind == Payment.Kind.CHECKOUT:
            _checkout_refresh(payment, now=now)
        else:
            _auto_refresh(payment, now=now)
    return Payment.objects.get(id=payment.id)


def _checkout_refresh(payment: Payment, *, now: dt.datetime) -> None:
    if payment.checkout_session_id is None:
        if now - payment.created_at > stripe_client.KEY_LIFE:  # nobody ever saw its page
            payment_end(payment.id, Status.EXPIRED, code="expired", message="The page was never opened.", now=now)
        return
    session = stripe_client.checkout_fetch(payment.checkout_session_id)
    if session.payment_intent_id is not None:
        payment_apply(stripe_client.intent_fetch(session.payment_intent_id), now=now)
    if session.status == "expired":
        payment_end(payment.id, Status.EXPIRED, code="expired", message="The page expired.", now=now)


def _auto_refresh(payment: Payment, *, now: dt.datetime) -> None:
    if payment.payment_intent_id is None:
        charge_send(payment, now=now)
        return
    intent = stripe_client.intent_fetch(payment.payment_intent_id)
    is_stale = intent.status in ("requires_action", "requires_payment_method")
    if payment.status == Status.ACTION_REQUIRED and is_stale and now - payment.created_at > ACTION_LIFE:
        intent = stripe_client.intent_cancel(payment.payment_intent_id)
    payment_apply(intent, now=now)


def payments_refresh_due(*, now: dt.datetime) -> int:
    """Refreshes payments of which nothing was heard for a while. Returns how many; stops where Stripe is down."""
    is_young = Q(created_at__gt=now - REFRESH_OLD_AFTER)
    quiet = (
        Q(asked_at=None) | Q(asked_at__lte=now - REFRESH_OLD_AFTER) | is_young & Q(asked_at__lte=now - REFRESH_AFTER)
    )
    found = Payment.objects.filter(quiet, status__in=PAYMENT_UNFINISHED, created_at__lte=now - REFRESH_AFTER)
    due = found.order_by(F("asked_at").asc(nulls_first=True), "created_at")[:REFRESH_MAX]
    num = 0
    for payment in list(due):
        try:
            payment_refresh(payment, now=now)
        except stripe_client.StripeRefused as refused:
            log.warning("payment.refresh_refused", payment_id=payment.id, error=refused.message)
        num += 1
    return num
