"""Invoices of pay-as-you-go: paid ones become credit, failed ones a date from which the account is paused.

A paid invoice is booked like money paid in: it brings the balance, which usage took below zero, back up. Its tax is
kept apart. Lines, PDF and receipt stay at Stripe. Forward only, by `states.INVOICE_RANKS`.
"""

import datetime as dt

import structlog
from django.db import transaction

from backend.billing.auto_settings import settings_lock
from backend.billing.customers import customer_of
from backend.billing.models import Invoice, Pause, PayAsYouGo
from backend.billing.pauses import INVOICE_GRACE, pause_close, pause_open, pauses_review
from backend.billing.states import invoice_is_news
from backend.billing.stripe_client import UNIT_NANO_USD
from backend.billing.stripe_objects import Invoice as StripeInvoice
from backend.core.audit import Area, audit_write
from backend.metering.models import Balance
from backend.metering.payments import NANO_USD_PER_CENT, Kind, Movement, credit_limit_set, money_in

log = structlog.get_logger(__name__)

FAILED_BECAUSE = "Invoice {number} could not be charged: change the card in the billing portal before {date}."


@transaction.atomic
def invoice_apply(told: StripeInvoice, *, now: dt.datetime) -> str | None:
    """Writes down what the invoice is now, books it when paid. Returns its account; None: no customer of ours, or
    an invoice that belongs to no subscription (a top-up's receipt)."""
    customer = customer_of(told.customer_id)
    if customer is None or told.subscription_id is None:
        return None
    account_id = customer.account_id
    settings_lock(account_id)
    # Before the invoice's row: the outbox reads both under this lock, so it never sees one without the other.
    Balance.objects.select_for_update().get(account_id=account_id)
    invoice, is_new = Invoice.objects.get_or_create(
        id=told.id,
        defaults={"account_id": account_id, "status": told.status, "due_cents": told.due_cents, "created_at": now},
    )
    before = None if is_new else invoice.status
    if is_new or invoice_is_news(invoice.status, told.status):
        _write(invoice, told, now=now)
        audit_write(
            area=Area.MONEY,
            action="invoice",
            account_id=account_id,
            target=told.id,
            before={"status": before} if before else None,
            after={"status": told.status, "due_cents": told.due_cents, "paid_cents": told.paid_cents},
            actor="stripe",
        )
    if told.status == "paid" and told.paid_cents > 0:
        _book(told, account_id)
    _pause_or_resume(invoice, told, now=now)
    return account_id


def _write(invoice: Invoice, told: StripeInvoice, *, now: dt.datetime) -> None:
    invoice.status = told.status
    invoice.number = told.number
    invoice.due_cents, invoice.paid_cents, invoice.tax_cents = told.due_cents, told.paid_cents, told.tax_cents
    invoice.payment_intent_id = told.payment_intent_ids[0] if told.payment_intent_ids else ""
    if told.status != "draft":
        charged = told.metered_cents * NANO_USD_PER_CENT
        invoice.rounding_nano_usd = told.metered_units * UNIT_NANO_USD - charged
    if told.status == "paid":
        invoice.paid_at = now
    invoice.save()


def _book(told: StripeInvoice, account_id: str) -> None:
    tax_cents = told.tax_cents if told.tax_cents < told.paid_cents else 0
    money_in(
        Movement(
            kind=Kind.METERED,
            source=f"invoice:{told.id}",
            account_id=account_id,
            total_nano_usd=told.paid_cents * NANO_USD_PER_CENT,
            tax_nano_usd=tax_cents * NANO_USD_PER_CENT,
            actor="stripe",
            reason=f"invoice {told.number}",
        )
    )
    if PayAsYouGo.objects.filter(account_id=account_id, status=PayAsYouGo.Status.ENDED).exists():
        credit_limit_set(account_id=account_id, limit_nano_usd=0)  # what is left of the debt is all that is allowed


def _pause_or_resume(invoice: Invoice, told: StripeInvoice, *, now: dt.datetime) -> None:
    source = f"invoice:{invoice.id}"
    if invoice.status in ("paid", "void"):
        pause_close(source, by="stripe", now=now, reason=f"the invoice is {invoice.status}")
        pauses_review(invoice.account_id, now=now)
    elif told.is_attempted and told.status in ("open", "uncollectible"):
        if invoice.failed_at is None:
            invoice.failed_at = now
            invoice.save(update_fields=["failed_at"])
        paused_from = invoice.failed_at + INVOICE_GRACE
        reason = FAILED_BECAUSE.format(number=told.number or told.id, date=f"{paused_from:%Y-%m-%d}")
        pause_open(
            account_id=invoice.account_id,
            kind=Pause.Kind.PAYMENT_FAILED,
            source=source,
            reason=reason,
            paused_from=paused_from,
            now=now,
        )
