"""Pay-as-you-go: an operator invites with a credit limit, the customer begins, Stripe bills what was used.

The limit counts only while a subscription lives. When it ends the limit falls to the debt of that moment, and with
each paid invoice further, so nothing new can be used on credit.
"""

import datetime as dt

import structlog
from django.db import transaction
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.auto_settings import settings_lock
from backend.billing.metered import batch_cut, outbox_send_account
from backend.billing.models import Customer, PayAsYouGo
from backend.billing.stripe_objects import Subscription
from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError, NotFound
from backend.metering.payments import credit_limit_set

log = structlog.get_logger(__name__)

CREDIT_LIMIT_NANO_USD_MAX = 10**13  # $10,000: a typo guard

Status = PayAsYouGo.Status


def agreement_read(account_id: str) -> PayAsYouGo | None:
    return PayAsYouGo.objects.filter(account_id=account_id).first()


@transaction.atomic
def invite(*, account_id: str, credit_limit_nano_usd: int, actor: str, reason: str) -> PayAsYouGo:
    """An operator offers pay-as-you-go, or changes the limit of an agreement that stands."""
    if not 0 < credit_limit_nano_usd <= CREDIT_LIMIT_NANO_USD_MAX:
        raise ApplicationError(
            f"A credit limit is above $0 and at most ${CREDIT_LIMIT_NANO_USD_MAX // 10**9:,}.",
            param="credit_limit_nano_usd",
        )
    settings_lock(account_id)
    agreement, is_new = PayAsYouGo.objects.select_for_update().get_or_create(
        account_id=account_id,
        defaults={"credit_limit_nano_usd": credit_limit_nano_usd, "invited_by": actor},
    )
    before = None if is_new else {"status": agreement.status, "credit_limit_nano_usd": agreement.credit_limit_nano_usd}
    agreement.credit_limit_nano_usd = credit_limit_nano_usd
    if agreement.status == Status.ENDED:
        agreement.status = Status.INVITED
    agreement.save(update_fields=["credit_limit_nano_usd", "status"])
    if agreement.status == Status.ACTIVE:
        credit_limit_set(account_id=account_id, limit_nano_usd=credit_limit_nano_usd)
    audit_write(
        area=Area.MONEY,
        action="pay_as_you_go.invite",
        account_id=account_id,
        target=account_id,
        before=before,
        after={"status": agreement.status, "credit_limit_nano_usd": credit_limit_nano_usd},
        actor=actor,
        reason=reason,
    )
    return agreement


def start(*, account_id: str, now: dt.datetime | None = None) -> PayAsYouGo:
    """Begins the subscription on the saved card. Repeats are harmless.

    Raises NotFound (no invitation), ApplicationError (no saved card), StripeUnavailable, StripeRefused.
    """
    now = now or timezone.now()
    agreement = agreement_read(account_id)
    if agreement is None:
        raise NotFound("Pay-as-you-go is by invitation: write to us.", code="not_invited")
    if agreement.status == Status.ACTIVE:
        return agreement
    customer = Customer.objects.filter(account_id=account_id).exclude(payment_method_id="").first()
    if customer is None:
        raise ApplicationError("There is no saved card: top up once and keep the card.", code="no_saved_card")
    made = stripe_client.subscription_create(
        account_id=account_id,
        customer_id=customer.stripe_customer_id,
        payment_method_id=customer.payment_method_id,
        key=f"subscription:{account_id}:{agreement.num_starts}",
    )
    subscription_apply(made, now=now)
    return PayAsYouGo.objects.get(account_id=account_id)


@transaction.atomic
def subscription_apply(told: Subscription, *, now: dt.datetime) -> str | None:
    """Makes the agreement follow its subscription. Returns its account; None: not of ours."""
    customer = Customer.objects.filter(stripe_customer_id=told.customer_id).first()
    if customer is None or not PayAsYouGo.objects.filter(account_id=customer.account_id).exists():
        return None
    settings_lock(customer.account_id)
    agreement = PayAsYouGo.objects.select_for_update().get(account_id=customer.account_id)
    is_known = agreement.subscription_id == told.id
    if told.is_alive and agreement.status == Status.INVITED and not is_known:
        _begin(agreement, told, now=now)
    elif told.status == "canceled" and agreement.status == (Status.ACTIVE if is_known else Status.INVITED):
        agreement.subscription_id = told.id  # also when its beginning comes after its end: then that is old news
        _end(agreement, now=now)
    return customer.account_id


def _begin(agreement: PayAsYouGo, told: Subscription, *, now: dt.datetime) -> None:
    agreement.status, agreement.subscription_id, agreement.started_at = Status.ACTIVE, told.id, now
    agreement.num_starts += 1
    agreement.save(update_fields=["status", "subscription_id", "started_at", "num_starts"])
    credit_limit_set(account_id=agreement.account_id, limit_nano_usd=agreement.credit_limit_nano_usd)
    _tell(agreement, "pay_as_you_go.start")


def _end(agreement: PayAsYouGo, *, now: dt.datetime) -> None:
    agreement.status, agreement.ended_at = Status.ENDED, now
    agreement.save(update_fields=["status", "ended_at", "subscription_id"])
    credit_limit_set(account_id=agreement.account_id, limit_nano_usd=0)
    _tell(agreement, "pay_as_you_go.end")


def _tell(agreement: PayAsYouGo, action: str) -> None:
    audit_write(
        area=Area.MONEY,
        action=action,
        account_id=agreement.account_id,
        target=agreement.subscription_id or "",
        before=None,
        after={"status": agreement.status, "credit_limit_nano_usd": agreement.credit_limit_nano_usd},
        actor="stripe",
    )


def end(*, account_id: str, now: dt.datetime | None = None) -> PayAsYouGo:
    """Ends it: meters what was used until now, then cancels with a last invoice. Repeats are harmless.

    Raises NotFound, StripeUnavailable (nothing is lost: ask again), StripeRefused.
    """
    now = now or timezone.now()
    agreement = agreement_read(account_id)
    if agreement is None or agreement.subscription_id is None:
        raise NotFound("There is no pay-as-you-go to end.", code="not_invited")
    if agreement.status == Status.ACTIVE:
        # From here on nothing runs on credit, so the last batch is whole.
        credit_limit_set(account_id=account_id, limit_nano_usd=0)
        batch_cut(account_id, hour=now.replace(minute=0, second=0, microsecond=0), told_at=now)
        outbox_send_account(account_id, now=now)
        subscription_apply(stripe_client.subscription_cancel(agreement.subscription_id), now=now)
    return PayAsYouGo.objects.get(account_id=account_id)
