"""Chargebacks: what the bank took, what it gave back, and the account's pause meanwhile.

The dispute's own list of balance movements is believed, not the order of its events: taken and given back are each
booked once. What the free credit does not cover the account owes; paying in covers that first.
"""

import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import transaction

from backend.billing.auto_settings import settings_lock
from backend.billing.models import Dispute, Invoice, Pause, Payment
from backend.billing.pauses import pause_open, pauses_review
from backend.billing.stripe_objects import Dispute as StripeDispute
from backend.core.audit import Area, audit_write
from backend.metering.payments import NANO_USD_PER_CENT, Kind, Movement, money_in, money_out

log = structlog.get_logger(__name__)

# A later status never gives way to an earlier one.
RANKS = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "needs_response": 2,
    "under_review": 3,
    "warning_closed": 4,
    "prevented": 4,
    "won": 4,
    "lost": 4,
}
PAUSED_BECAUSE = (
    "Your bank disputes a payment of ${dollars}. New runs wait until that is settled: write to us, or withdraw the "
    "dispute at your bank and pay in what is owed."
)


@transaction.atomic
def dispute_apply(told: StripeDispute, *, now: dt.datetime) -> str | None:
    """Books what the dispute moved and pauses or resumes the account. Returns it; None: no payment of ours."""
    disputed = _disputed(told.payment_intent_id)
    if disputed is None:
        log.error("dispute.of_unknown_payment", dispute=told.id, intent=told.payment_intent_id)
        return None
    account_id = disputed.account_id
    settings_lock(account_id)
    dispute = _row(told, account_id)
    if told.withdrawn_cents > 0:
        money_out(_movement(Kind.DISPUTE, told, disputed, told.withdrawn_cents), must_be_covered=False)
    if told.reinstated_cents > 0:
        money_in(_movement(Kind.DISPUTE_REVERSAL, told, disputed, told.reinstated_cents))
    if told.is_open or told.withdrawn_cents > 0:
        pause_open(
            account_id=account_id,
            kind=Pause.Kind.DISPUTE,
            source=f"dispute:{told.id}",
            reason=PAUSED_BECAUSE.format(dollars=_dollars(told.withdrawn_cents)),
            paused_from=dispute.created_at,
            now=now,
        )
    pauses_review(account_id, now=now)
    return account_id


def _row(told: StripeDispute, account_id: str) -> Dispute:
    dispute, is_new = Dispute.objects.select_for_update().get_or_create(
        id=told.id,
        defaults={
            "account_id": account_id,
            "payment_intent_id": told.payment_intent_id or "",
            "status": told.status,
            "created_at": told.created_at,
        },
    )
    before = None if is_new else dispute.status
    if is_new or RANKS[told.status] > RANKS[dispute.status]:
        dispute.status = told.status
        audit_write(
            area=Area.MONEY,
            action="dispute",
            account_id=account_id,
            target=told.id,
            before={"status": before} if before else None,
            after={"status": told.status, "withdrawn_cents": told.withdrawn_cents},
            actor="stripe",
        )
    dispute.withdrawn_cents = max(dispute.withdrawn_cents, told.withdrawn_cents)
    dispute.reinstated_cents = max(dispute.reinstated_cents, told.reinstated_cents)
    dispute.answer_by = told.answer_by
    dispute.save()
    return dispute


def _movement(kind: Kind, told: StripeDispute, disputed: "_Disputed", cents: int) -> Movement:
    return Movement(
        kind=kind,
        source=f"{kind.value}:{told.id}",
        account_id=disputed.account_id,
        total_nano_usd=cents * NANO_USD_PER_CENT,
        tax_nano_usd=disputed.tax_share(cents) * NANO_USD_PER_CENT,
        actor="stripe",
        reason=f"dispute {told.id}",
    )


@dataclass(frozen=True, kw_only=True)
class _Disputed:
    """The payment or invoice that the bank disputes."""

    account_id: str
    total_cents: int
    tax_cents: int

    def tax_share(self, cents: int) -> int:
        return self.tax_cents * cents // self.total_cents if self.total_cents else 0


def _disputed(intent_id: str | None) -> _Disputed | None:
    payment = Payment.objects.filter(payment_intent_id=intent_id).first() if intent_id else None
    if payment is not None:
        total = payment.amount_cents + payment.tax_cents
        return _Disputed(account_id=payment.account_id, total_cents=total, tax_cents=payment.tax_cents)
    invoice = Invoice.objects.filter(payment_intent_id=intent_id).first() if intent_id else None
    if invoice is not None:
        return _Disputed(account_id=invoice.account_id, total_cents=invoice.paid_cents, tax_cents=invoice.tax_cents)
    return None


def _dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
