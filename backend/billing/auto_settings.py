"""Automatic top-up: when it may charge, and what a decline does to that.

Guards: a threshold and a target, a monthly ceiling, one pending charge at a time (a partial unique index), and
after a decline a pause that grows, until after `DECLINES_MAX` it is switched off with the reason. The mark in the
balance's row (`low_mark_set`) is what makes a settlement ring; it is away while ringing would be of no use.
"""

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from backend.billing.models import AutoTopUp, Customer, Payment
from backend.billing.states import PAYMENT_UNFINISHED
from backend.core.audit import Area, audit_write
from backend.core.errors import ApplicationError
from backend.metering.payments import NANO_USD_PER_CENT, low_mark_set

# After the first, second, third refusal in a row. A bank that says no seldom says yes within the hour, and counts
# tries against the merchant.
BACK_OFF = (dt.timedelta(hours=6), dt.timedelta(days=1), dt.timedelta(days=3))
DECLINES_MAX = len(BACK_OFF) + 1  # then it is switched off
CHARGE_CENTS_MIN = 500  # as a top-up by hand: below it the processor's fee eats too much
TARGET_CENTS_MAX = 100_000  # $1,000, as a top-up by hand
CEILING_CENTS_MAX = 1_000_000  # $10,000 a month

Status = Payment.Status


def settings_read(account_id: str) -> AutoTopUp | None:
    return AutoTopUp.objects.filter(account_id=account_id).first()


def settings_lock(account_id: str) -> AutoTopUp | None:
    """The first lock of every change of payments; None where nobody ever set it up."""
    return AutoTopUp.objects.select_for_update().filter(account_id=account_id).first()


@transaction.atomic
def settings_write(
    *,
    account_id: str,
    is_enabled: bool,
    threshold_cents: int,
    target_cents: int,
    monthly_ceiling_cents: int,
    actor: str,
    now: dt.datetime,
) -> AutoTopUp:
    """Sets it up anew: earlier declines are forgotten. Raises ApplicationError naming what to change."""
    _check(threshold_cents, target_cents, monthly_ceiling_cents)
    if is_enabled:
        _may_enable(account_id)
    old = settings_lock(account_id)
    before = _shown(old) if old else None
    setting, _ = AutoTopUp.objects.update_or_create(
        account_id=account_id,
        defaults={
            "is_enabled": is_enabled,
            "threshold_cents": threshold_cents,
            "target_cents": target_cents,
            "monthly_ceiling_cents": monthly_ceiling_cents,
            "num_declines": 0,
            "retry_at": None,
            "switched_off_reason": "",
            "updated_at": now,
        },
    )
    audit_write(
        area=Area.MONEY,
        action="auto_top_up.set",
        account_id=account_id,
        target=account_id,
        before=before,
        after=_shown(setting),
        actor=actor,
    )
    arm(setting, now=now)
    return setting


def _check(threshold_cents: int, target_cents: int, monthly_ceiling_cents: int) -> None:
    if target_cents - threshold_cents < CHARGE_CENTS_MIN:
        raise ApplicationError(
            f"The target must lie at least ${CHARGE_CENTS_MIN // 100} above the threshold.", param="target_cents"
        )
    if target_cents > TARGET_CENTS_MAX:
        raise ApplicationError(f"The target is at most ${TARGET_CENTS_MAX // 100:,}.", param="target_cents")
    if not CHARGE_CENTS_MIN <= monthly_ceiling_cents <= CEILING_CENTS_MAX:
        raise ApplicationError(
            f"The monthly ceiling lies between ${CHARGE_CENTS_MIN // 100} and ${CEILING_CENTS_MAX // 100:,}.",
            param="monthly_ceiling_cents",
        )


def _may_enable(account_id: str) -> None:
    if settings.STRIPE_TAX:
        # A charge without a page has nobody to ask for the address that the tax depends on.
        raise ApplicationError("Automatic top-up is not offered where tax is added: top up by hand.", code="no_auto")
    if not Customer.objects.filter(account_id=account_id).exclude(payment_method_id="").exists():
        raise ApplicationError(
            "There is no saved card: top up once and keep the card, then switch this on.", code="no_saved_card"
        )


def _shown(setting: AutoTopUp) -> dict[str, int | bool]:
    names = ("is_enabled", "threshold_cents", "target_cents", "monthly_ceiling_cents")
    return {name: getattr(setting, name) for name in names}


# --- What may be charged now


def spent_this_month_cents(account_id: str, *, now: dt.datetime) -> int:
    """Automatic top-ups of the calendar month (UTC), pending ones too."""
    first = now.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = Payment.objects.filter(
        account_id=account_id,
        kind=Payment.Kind.AUTO,
        created_at__gte=first,
        status__in=(*PAYMENT_UNFINISHED, Status.SUCCEEDED),
    )
    return found.aggregate(total=Sum("amount_cents"))["total"] or 0


def amount_due_cents(setting: AutoTopUp, *, balance_nano_usd: int, now: dt.datetime) -> int:
    """Cents to charge at this balance; 0: nothing, or the ceiling leaves too little."""
    if balance_nano_usd >= setting.threshold_cents * NANO_USD_PER_CENT:
        return 0
    short_nano_usd = setting.target_cents * NANO_USD_PER_CENT - balance_nano_usd
    wanted = -(-short_nano_usd // NANO_USD_PER_CENT)  # rounded up: the target is reached
    left = setting.monthly_ceiling_cents - spent_this_month_cents(setting.account_id, now=now)
    amount = min(wanted, left, TARGET_CENTS_MAX)
    return amount if amount >= CHARGE_CENTS_MIN else 0


def has_pending(account_id: str) -> bool:
    pending = Payment.objects.filter(account_id=account_id, kind=Payment.Kind.AUTO, status__in=PAYMENT_UNFINISHED)
    return pending.exists()


def arm(setting: AutoTopUp, *, now: dt.datetime) -> None:
    """Puts the mark where a settlement should ring, or takes it away where ringing is of no use."""
    is_of_use = (
        setting.is_enabled
        and (setting.retry_at is None or setting.retry_at <= now)
        and not has_pending(setting.account_id)
    )
    low_mark_set(
        account_id=setting.account_id,
        below_nano_usd=setting.threshold_cents * NANO_USD_PER_CENT if is_of_use else None,
    )


# --- What a payment does to it


def payment_moved(payment: Payment, *, now: dt.datetime) -> None:
    """An automatic payment reached a new state, in the same transaction, with the settings' row locked."""
    setting = AutoTopUp.objects.get(account_id=payment.account_id)
    if payment.status == Status.SUCCEEDED:
        setting.num_declines, setting.retry_at = 0, None
    elif payment.status in (Status.FAILED, Status.EXPIRED):
        setting.num_declines += 1
        if setting.num_declines >= DECLINES_MAX:
            setting.is_enabled, setting.retry_at = False, None
            setting.switched_off_reason = (
                f"Your card was refused {setting.num_declines} times, so automatic top-up was switched off. "
                "Check the card, then switch it on again."
            )
        else:
            setting.retry_at = now + BACK_OFF[setting.num_declines - 1]
    setting.save(update_fields=["num_declines", "retry_at", "is_enabled", "switched_off_reason"])
    arm(setting, now=now)
