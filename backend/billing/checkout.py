"""Top-ups by a person: the Checkout page, the confirmation their bank asks for, and the billing portal."""

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.customers import customer_ensure
from backend.billing.models import Customer, Payment
from backend.billing.payments import payment_apply, payment_end, payment_get
from backend.billing.states import PAYMENT_UNFINISHED
from backend.billing.stripe_objects import PaymentIntent
from backend.core.errors import ApplicationError
from backend.core.failpoints import failpoint
from backend.core.ids import random_base62
from backend.metering.idempotency import IdempotencyError

TOP_UP_CENTS_MIN = 500  # below it the processor's fee eats too much of it
TOP_UP_CENTS_MAX = 100_000  # $1,000: a typo guard, and what a stolen card is worth here
OPEN_PAGES_MAX = 10  # unfinished Checkout pages of an account; each lives a day at Stripe
BILLING_PATH = "/billing"


def top_up_start(
    *, account_id: str, amount_cents: int, keep_card: bool, idempotency_key: str, now: dt.datetime | None = None
) -> Payment:
    """The payment and its Checkout page; the same key gives the same payment.

    Raises ApplicationError (amount, too many open pages), IdempotencyError (the key was another top-up's),
    StripeUnavailable (ask again with the same key), StripeRefused.
    """
    now = now or timezone.now()
    if not TOP_UP_CENTS_MIN <= amount_cents <= TOP_UP_CENTS_MAX:
        raise ApplicationError(
            f"A top-up is between ${TOP_UP_CENTS_MIN // 100} and ${TOP_UP_CENTS_MAX // 100:,}.", param="amount_cents"
        )
    customer = customer_ensure(account_id)
    payment = _payment_of_key(
        account_id=account_id,
        amount_cents=amount_cents,
        keep_card=keep_card,
        idempotency_key=idempotency_key,
        now=now,
    )
    if payment.checkout_session_id is None and payment.status == Payment.Status.CREATED:
        _page_open(payment, customer, now=now)
    return Payment.objects.get(id=payment.id)


def _payment_of_key(
    *, account_id: str, amount_cents: int, keep_card: bool, idempotency_key: str, now: dt.datetime
) -> Payment:
    with transaction.atomic():
        # Serial per account: two requests with one key make one payment, and the count below is right.
        Customer.objects.select_for_update().get(account_id=account_id)
        found = Payment.objects.filter(account_id=account_id, idempotency_key=idempotency_key).first()
        if found is not None:
            if (found.amount_cents, found.is_card_kept) != (amount_cents, keep_card):
                raise IdempotencyError("This Idempotency-Key was used for another top-up: use a new key.")
            return found
        pages = Payment.objects.filter(
            account_id=account_id, kind=Payment.Kind.CHECKOUT, status__in=PAYMENT_UNFINISHED
        ).count()
        if pages >= OPEN_PAGES_MAX:
            raise ApplicationError(
                f"{pages} top-ups are open: finish one, or wait until they expire (a day).",
                code="too_many_top_ups",
                status=429,
            )
        return Payment.objects.create(
            account_id=account_id,
            kind=Payment.Kind.CHECKOUT,
            amount_cents=amount_cents,
            is_card_kept=keep_card,
            idempotency_key=idempotency_key,
            created_at=now,
        )


def _page_open(payment: Payment, customer: Customer, *, now: dt.datetime) -> None:
    try:
        session = stripe_client.checkout_create(
            payment_id=payment.id,
            customer_id=customer.stripe_customer_id,
            amount_cents=payment.amount_cents,
            keep_card=payment.is_card_kept,
            success_url=f"{settings.PUBLIC_URL}{BILLING_PATH}?payment={payment.id}",
            cancel_url=f"{settings.PUBLIC_URL}{BILLING_PATH}",
        )
    except stripe_client.StripeRefused as refused:
        payment_end(payment.id, Payment.Status.FAILED, code=refused.code, message=refused.message, now=now)
        raise
    failpoint("checkout.made")
    Payment.objects.filter(id=payment.id).update(
        checkout_session_id=session.id, checkout_url=session.url or "", asked_at=now
    )
    Payment.objects.filter(id=payment.id, status=Payment.Status.CREATED).update(status=Payment.Status.OPEN)


def action_start(*, account_id: str, payment_id: str, now: dt.datetime | None = None) -> tuple[Payment, str]:
    """An automatic top-up that the bank wants confirmed: tries again with the customer present.

    Returns the payment and where to send the browser; an empty address: no confirmation was needed after all.
    """
    now = now or timezone.now()
    payment = payment_get(account_id=account_id, payment_id=payment_id)
    if payment.status != Payment.Status.ACTION_REQUIRED or payment.payment_intent_id is None:
        raise ApplicationError(f"This payment waits for nothing: it is {payment.status}.", status=409)
    customer = Customer.objects.get(account_id=account_id)
    if not customer.payment_method_id:
        raise ApplicationError("The saved card was removed: top up by hand.", code="no_saved_card", status=409)
    intent = stripe_client.intent_fetch(payment.payment_intent_id)
    if intent.status != "succeeded" and intent.action_url is None:
        intent = _confirm(payment.payment_intent_id, customer.payment_method_id, payment.id)
    payment_apply(intent, now=now)
    return payment_get(account_id=account_id, payment_id=payment_id), intent.action_url or ""


def _confirm(intent_id: str, payment_method_id: str, payment_id: str) -> PaymentIntent:
    try:
        return stripe_client.intent_confirm(
            intent_id,
            payment_method_id=payment_method_id,
            return_url=f"{settings.PUBLIC_URL}{BILLING_PATH}?payment={payment_id}",
            key=f"confirm:{payment_id}:{random_base62(8)}",  # a person presses the button: each press is a new try
        )
    except stripe_client.CardDeclined as declined:
        if declined.intent is None:
            raise
        return declined.intent


def portal_start(*, account_id: str) -> str:
    """The address of Stripe's own page for this account's cards, invoices and receipts."""
    customer = customer_ensure(account_id)
    return stripe_client.portal_url(
        customer_id=customer.stripe_customer_id,
        return_url=f"{settings.PUBLIC_URL}{BILLING_PATH}",
        key=f"portal:{account_id}:{random_base62(8)}",  # an address is good for minutes: each ask is a new one
    )
