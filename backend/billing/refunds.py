"""Refunds of unspent paid credit, asked for by the customer or an operator.

The credit leaves the balance first, then Stripe is asked; if it refuses, or the bank sends the money back, the
credit returns. Promotional credit is never paid out: what can be refunded is the smaller of the free credit and what
was paid in. Refunds made in Stripe's dashboard are booked when we hear of them.
"""

import datetime as dt

import structlog
from django.db import transaction
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.auto_settings import settings_lock
from backend.billing.models import Invoice, Payment, Refund
from backend.billing.pauses import pauses_review
from backend.billing.payments import payment_get
from backend.billing.states import refund_is_news
from backend.billing.stripe_objects import Refund as StripeRefund
from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError
from backend.core.failpoints import failpoint
from backend.metering.idempotency import IdempotencyError
from backend.metering.models import Balance
from backend.metering.payments import NANO_USD_PER_CENT, Kind, Movement, money_in, money_out, paid_unspent_read

log = structlog.get_logger(__name__)

REFUND_CENTS_MIN = 1
RESEND_AFTER = dt.timedelta(seconds=60)
RESEND_MAX = 50  # per sweep

STATUSES = {
    "pending": Refund.Status.PENDING,
    "requires_action": Refund.Status.PENDING,
    "succeeded": Refund.Status.SUCCEEDED,
    "failed": Refund.Status.FAILED,
    "canceled": Refund.Status.FAILED,
}


def refund_start(
    *,
    account_id: str,
    payment_id: str,
    amount_cents: int,
    idempotency_key: str,
    actor: str,
    reason: str,
    now: dt.datetime | None = None,
) -> Refund:
    """Takes the credit and asks Stripe to pay it back; the same key gives the same refund.

    Raises NotFound, NotEnoughCredit, IdempotencyError, ApplicationError (the payment has no such sum left),
    StripeRefused (the credit is back). A Stripe that does not answer raises nothing: the sweep asks again.
    """
    now = now or timezone.now()
    refund = _book(
        account_id=account_id,
        payment_id=payment_id,
        amount_cents=amount_cents,
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
        now=now,
    )
    if refund.status == Refund.Status.CREATED:
        try:
            refund_send(refund, now=now)
        except stripe_client.StripeUnavailable as error:
            log.warning("refund.unknown", refund_id=refund.id, error=error.message)
    return Refund.objects.get(id=refund.id)


@transaction.atomic
def _book(
    *,
    account_id: str,
    payment_id: str,
    amount_cents: int,
    idempotency_key: str,
    actor: str,
    reason: str,
    now: dt.datetime,
) -> Refund:
    settings_lock(account_id)
    payment = _payment_lock(payment_get(account_id=account_id, payment_id=payment_id).id)
    found = Refund.objects.filter(account_id=account_id, idempotency_key=idempotency_key).first()
    if found is not None:
        if (found.payment_id, found.amount_cents) != (payment_id, amount_cents):
            raise IdempotencyError("This Idempotency-Key was used for another refund: use a new key.")
        return found
    left = refundable_cents(payment)
    if not REFUND_CENTS_MIN <= amount_cents <= left:
        raise ApplicationError(
            f"Of this payment ${left // 100}.{left % 100:02d} can be refunded.",
            code="not_refundable",
            param="amount_cents",
            status=409,
        )
    refund = Refund.objects.create(
        account_id=account_id,
        payment=payment,
        amount_cents=amount_cents,
        tax_cents=_tax_share(payment, amount_cents),
        idempotency_key=idempotency_key,
        actor=actor,
        reason=reason,
        created_at=now,
    )
    money_out(_movement(refund, Kind.REFUND), must_be_covered=True)
    audit_write(
        area=Area.MONEY,
        action="refund.create",
        account_id=account_id,
        target=refund.id,
        before=None,
        after={"payment": payment.id, "amount_cents": amount_cents},
        actor=actor,
        reason=reason,
    )
    return refund


def _payment_lock(payment_id: str) -> Payment:
    return Payment.objects.select_for_update().get(id=payment_id)


def refundable_cents(payment: Payment) -> int:
    """What of the payment is not given back yet and not spent, in whole cents."""
    if payment.status != Payment.Status.SUCCEEDED:
        return 0
    given = sum(refund.amount_cents for refund in payment.refunds.exclude(status=Refund.Status.FAILED))
    # Locked where a refund is about to be booked, so that what is read here still is so then.
    Balance.objects.select_for_update().filter(account_id=payment.account_id).first()
    unspent = paid_unspent_read(payment.account_id) // NANO_USD_PER_CENT
    return max(0, min(payment.amount_cents - given, unspent))


def _tax_share(payment: Payment, amount_cents: int) -> int:
    return payment.tax_cents * amount_cents // payment.amount_cents


def _movement(refund: Refund, kind: Kind) -> Movement:
    return Movement(
        kind=kind,
        source=f"{kind.value}:{refund.id}",
        account_id=refund.account_id,
        total_nano_usd=(refund.amount_cents + refund.tax_cents) * NANO_USD_PER_CENT,
        tax_nano_usd=refund.tax_cents * NANO_USD_PER_CENT,
        actor=refund.actor,
        reason=refund.reason,
    )


# --- Stripe's side


def refund_send(refund: Refund, *, now: dt.datetime) -> None:
    """Asks Stripe, or learns that it was done. Raises StripeUnavailable; StripeRefused after the credit is back."""
    intent_id = refund.payment.payment_intent_id
    assert intent_id is not None, f"{refund.payment_id} succeeded without an intent"
    if now - refund.created_at > stripe_client.KEY_LIFE:
        for known in stripe_client.refunds_of(intent_id):
            if known.refund_id == refund.id:
                refund_apply(known, now=now)
                return
    try:
        made = stripe_client.refund_create(
            refund_id=refund.id, payment_intent_id=intent_id, amount_cents=refund.amount_cents + refund.tax_cents
        )
    except stripe_client.StripeRefused:
        _move(refund.id, Refund.Status.FAILED, stripe_refund_id=None, now=now)
        raise
    failpoint("refund.sent")
    refund_apply(made, now=now)


@transaction.atomic
def refund_apply(told: StripeRefund, *, now: dt.datetime) -> str | None:
    """Moves the refund forward to what Stripe says. Returns its account; None: it is of no payment of ours."""
    if told.refund_id and Refund.objects.filter(id=told.refund_id).exists():
        refund_id = told.refund_id
    else:
        found = _book_foreign(told, now=now)
        if found is None:
            return None
        refund_id = found
    return _move(refund_id, STATUSES[told.status], stripe_refund_id=told.id, now=now)


def _book_foreign(told: StripeRefund, *, now: dt.datetime) -> str | None:
    """A refund that was made in Stripe's dashboard: the row it would have had."""
    payment = (
        Payment.objects.filter(payment_intent_id=told.payment_intent_id).first() if told.payment_intent_id else None
    )
    if payment is None:
        if Invoice.objects.filter(payment_intent_id=told.payment_intent_id or "-").exists():
            # Shown by the reconciliation, for a person to decide: an invoice's refund has no credit to come out of.
            log.error("refund.of_invoice", refund=told.id, intent=told.payment_intent_id)
        return None
    settings_lock(payment.account_id)
    payment = _payment_lock(payment.id)
    known = Refund.objects.filter(stripe_refund_id=told.id).first()
    if known is not None:
        return known.id
    whole = payment.amount_cents + payment.tax_cents
    tax_cents = payment.tax_cents * told.amount_cents // whole
    refund = Refund.objects.create(
        account_id=payment.account_id,
        payment=payment,
        amount_cents=told.amount_cents - tax_cents,
        tax_cents=tax_cents,
        idempotency_key=f"stripe:{told.id}",
        stripe_refund_id=told.id,
        actor="stripe",
        reason="refund made in Stripe's dashboard",
        created_at=now,
    )
    money_out(_movement(refund, Kind.REFUND), must_be_covered=False)
    audit_write(
        area=Area.MONEY,
        action="refund.create",
        account_id=payment.account_id,
        target=refund.id,
        before=None,
        after={"payment": payment.id, "amount_cents": refund.amount_cents},
        actor="stripe",
        reason=refund.reason,
    )
    return refund.id


@transaction.atomic
def _move(refund_id: str, told: Refund.Status, *, stripe_refund_id: str | None, now: dt.datetime) -> str:
    refund = Refund.objects.select_for_update().get(id=refund_id)
    if stripe_refund_id and refund.stripe_refund_id is None:
        refund.stripe_refund_id = stripe_refund_id
        refund.save(update_fields=["stripe_refund_id"])
    if not refund_is_news(refund.status, told):
        return refund.account_id
    before, refund.status = refund.status, told
    if told is not Refund.Status.PENDING:
        refund.finished_at = now
    refund.save(update_fields=["status", "finished_at"])
    if told is Refund.Status.FAILED:
        money_in(_movement(refund, Kind.REFUND_REVERSAL))
    pauses_review(refund.account_id, now=now)  # it may have paid what was owed, or added to it
    audit_write(
        area=Area.MONEY,
        action=f"refund.{told.value}",
        account_id=refund.account_id,
        target=refund.id,
        before={"status": before},
        after={"status": told.value},
        actor="stripe",
    )
    return refund.account_id


def refunds_resend_due(*, now: dt.datetime) -> int:
    """Asks again for refunds of which Stripe may not know. Returns how many."""
    due = Refund.objects.filter(status=Refund.Status.CREATED, created_at__lte=now - RESEND_AFTER)
    num = 0
    for refund in list(due.select_related("payment").order_by("created_at")[:RESEND_MAX]):
        try:
            refund_send(refund, now=now)
        except stripe_client.StripeRefused as refused:
            log.warning("refund.refused", refund_id=refund.id, error=refused.message)
        num += 1
    return num
