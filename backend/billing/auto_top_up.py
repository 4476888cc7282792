"""Automatic top-ups: charge the kept card when the balance is below the threshold.

Rung by a settlement that crossed it, and by a sweep, because a bell may be lost. The payment's row is written and
committed before Stripe hears of it; that row, unfinished, is what keeps a second charge out.
"""

import datetime as dt

import structlog
from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, F, Q
from django.db.models.functions import Cast
from django.utils import timezone

from backend.billing import auto_settings, stripe_client
from backend.billing.models import AutoTopUp, Customer, Payment, payment_id_make
from backend.billing.pauses import pause_now
from backend.billing.payments import charge_send
from backend.metering.payments import NANO_USD_PER_CENT
from backend.metering.services import balance_read

log = structlog.get_logger(__name__)

SWEEP_MAX = 50  # accounts a sweep: each is a call to Stripe


def auto_top_up(account_id: str, *, now: dt.datetime | None = None) -> Payment | None:
    """Charges what is due, once. None: nothing is due, or another charge is pending.

    A Stripe that does not answer raises nothing: the payment is written down, and the sweep takes it from there.
    """
    now = now or timezone.now()
    payment = _begin(account_id, now=now)
    if payment is None:
        return None
    try:
        charge_send(payment, now=now)
    except stripe_client.StripeUnavailable as error:
        log.warning("auto_top_up.unknown", payment_id=payment.id, error=error.message)
    return Payment.objects.get(id=payment.id)


def _begin(account_id: str, *, now: dt.datetime) -> Payment | None:
    try:
        with transaction.atomic():
            setting = auto_settings.settings_lock(account_id)
            amount_cents = _amount(setting, now=now) if setting else 0
            if setting is None or amount_cents == 0:
                return None
            payment_id = payment_id_make()
            payment = Payment.objects.create(
                id=payment_id,
                account_id=account_id,
                kind=Payment.Kind.AUTO,
                amount_cents=amount_cents,
                idempotency_key=payment_id,
                created_at=now,
            )
            auto_settings.arm(setting, now=now)
            return payment
    except IntegrityError:
        return None  # one_pending_auto_top_up: somebody else began at the same moment


def _amount(setting: AutoTopUp, *, now: dt.datetime) -> int:
    """Cents to charge now; 0 where a guard says no."""
    account_id = setting.account_id
    may_try = setting.is_enabled and (setting.retry_at is None or setting.retry_at <= now)
    if not may_try or auto_settings.has_pending(account_id):
        return 0
    pause = pause_now(account_id)
    if pause is not None and pause.paused_from <= now:
        return 0  # a card whose payments are disputed is not charged again
    if not Customer.objects.filter(account_id=account_id).exclude(payment_method_id="").exists():
        return 0
    balance = balance_read(account_id).total_nano_usd
    return auto_settings.amount_due_cents(setting, balance_nano_usd=balance, now=now)


def auto_top_up_sweep(*, now: dt.datetime | None = None) -> int:
    """Charges for every account below its threshold whose bell was lost. Returns how many were charged."""
    now = now or timezone.now()
    below = AutoTopUp.objects.filter(Q(retry_at=None) | Q(retry_at__lte=now), is_enabled=True).alias(
        total=F("account__balance__available_nano_usd") + F("account__balance__held_nano_usd"),
        mark=Cast(F("threshold_cents"), BigIntegerField()) * NANO_USD_PER_CENT,
    )
    due = below.filter(total__lt=F("mark")).order_by("updated_at").values_list("account_id", flat=True)[:SWEEP_MAX]
    return sum(auto_top_up(account_id, now=now) is not None for account_id in list(due))
