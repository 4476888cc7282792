"""What the billing page shows of an account: money, card, agreements, what is wrong and what to do. Reads only."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.utils import timezone

from backend.billing import auto_settings, stripe_client
from backend.billing.checkout import TOP_UP_CENTS_MAX, TOP_UP_CENTS_MIN
from backend.billing.models import AutoTopUp, Customer, PayAsYouGo, Payment
from backend.billing.pauses import pause_now
from backend.metering.payments import owed_read, paid_unspent_read
from backend.metering.services import DEFAULT_PRICE, balance_read, price_read
from backend.metering.statements import month_start, spent_since

PAYMENTS_SHOWN_MAX = 100

BannerKind = Literal["paused", "will_pause", "auto_top_up_off", "card_declined", "action_required", "owed"]


@dataclass(frozen=True, kw_only=True)
class Banner:
    """One thing to know, with its cure. `at`: since when, or from when on."""

    kind: BannerKind
    message: str
    at: dt.datetime | None


def overview_read(account_id: str, *, now: dt.datetime | None = None) -> dict[str, object]:
    now = now or timezone.now()
    balance = balance_read(account_id)
    setting = auto_settings.settings_read(account_id)
    pending = pending_action(account_id)
    return {
        "is_configured": stripe_client.is_configured(),
        "has_tax": settings.STRIPE_TAX,
        "balance_nano_usd": balance.total_nano_usd,
        "available_nano_usd": balance.available_nano_usd,
        "held_nano_usd": balance.held_nano_usd,
        "credit_limit_nano_usd": balance.credit_limit_nano_usd,
        "owed_nano_usd": owed_read(account_id),
        "refundable_nano_usd": paid_unspent_read(account_id),
        "month_to_date_nano_usd": spent_since(
            account_id=account_id, first_day=month_start(now.astimezone(dt.UTC).date())
        ),
        "price_nano_usd_per_token": price_read(DEFAULT_PRICE),
        "top_up_cents_min": TOP_UP_CENTS_MIN,
        "top_up_cents_max": TOP_UP_CENTS_MAX,
        "card": _card(account_id),
        "auto_top_up": auto_top_up_shown(account_id, now=now) if setting else None,
        "pay_as_you_go": _agreement(account_id),
        "pending_action": {"payment_id": pending.id, "amount_cents": pending.amount_cents} if pending else None,
        "banner": banner_read(account_id, now=now),
    }


def _card(account_id: str) -> dict[str, object] | None:
    customer = Customer.objects.filter(account_id=account_id).exclude(payment_method_id="").first()
    if customer is None:
        return None
    return {
        "brand": customer.card_brand,
        "last4": customer.card_last4,
        "exp_month": customer.card_exp_month,
        "exp_year": customer.card_exp_year,
    }


def auto_top_up_shown(account_id: str, *, now: dt.datetime) -> dict[str, object] | None:
    setting = auto_settings.settings_read(account_id)
    if setting is None:
        return None
    spent = auto_settings.spent_this_month_cents(account_id, now=now)
    return {
        "is_enabled": setting.is_enabled,
        "threshold_cents": setting.threshold_cents,
        "target_cents": setting.target_cents,
        "monthly_ceiling_cents": setting.monthly_ceiling_cents,
        "spent_this_month_cents": spent,
        "is_ceiling_reached": setting.monthly_ceiling_cents - spent < auto_settings.CHARGE_CENTS_MIN,
        "retry_at": setting.retry_at,
        "switched_off_reason": setting.switched_off_reason,
    }


def _agreement(account_id: str) -> dict[str, object] | None:
    agreement = PayAsYouGo.objects.filter(account_id=account_id).first()
    if agreement is None:
        return None
    return {"status": agreement.status, "credit_limit_nano_usd": agreement.credit_limit_nano_usd}


def pending_action(account_id: str) -> Payment | None:
    """The automatic top-up that waits for the customer at their bank."""
    waiting = Payment.objects.filter(
        account_id=account_id, kind=Payment.Kind.AUTO, status=Payment.Status.ACTION_REQUIRED
    )
    return waiting.order_by("-created_at").first()


def banner_read(account_id: str, *, now: dt.datetime) -> Banner | None:
    """The worst thing first: paused, about to be, a payment to confirm, a card that was refused, a debt."""
    pause = pause_now(account_id)
    if pause is not None:
        kind: BannerKind = "paused" if pause.paused_from <= now else "will_pause"
        return Banner(kind=kind, message=pause.reason, at=pause.paused_from)
    if (waiting := pending_action(account_id)) is not None:
        message = f"Your bank wants you to confirm an automatic top-up of {_usd(waiting.amount_cents)}."
        return Banner(kind="action_required", message=message, at=waiting.created_at)
    setting = auto_settings.settings_read(account_id)
    if setting is not None and (found := _auto_banner(setting)) is not None:
        return found
    if (owed := owed_read(account_id)) > 0:
        message = f"A chargeback left {_usd(-(-owed // 10_000_000))} to pay: the next top-up covers that first."
        return Banner(kind="owed", message=message, at=None)
    return None


def _auto_banner(setting: AutoTopUp) -> Banner | None:
    if setting.switched_off_reason:
        return Banner(kind="auto_top_up_off", message=setting.switched_off_reason, at=None)
    if setting.retry_at is None:
        return None
    message = (
        f"Your card was refused for an automatic top-up. We try again after {setting.retry_at:%Y-%m-%d %H:%M} UTC; "
        "to go on at once, change the card or top up by hand."
    )
    return Banner(kind="card_declined", message=message, at=setting.retry_at)


def _usd(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02d}"


def payments_list(account_id: str) -> list[Payment]:
    """The newest payments with their refunds."""
    found = Payment.objects.filter(account_id=account_id).prefetch_related("refunds").order_by("-created_at", "-id")
    return list(found[:PAYMENTS_SHOWN_MAX])
