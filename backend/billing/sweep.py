"""Billing's tick: what a lost bell, a lost webhook or a Stripe that was away left unfinished."""

import datetime as dt

import structlog
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.auto_top_up import auto_top_up_sweep
from backend.billing.payments import payments_refresh_due
from backend.billing.refunds import refunds_resend_due

log = structlog.get_logger(__name__)


def billing_sweep(*, now: dt.datetime | None = None) -> int:
    """Charges what is due, asks after what is unfinished. Returns how many things it took up.

    Ends where Stripe is down: the next tick goes on.
    """
    if not stripe_client.is_configured():
        return 0
    now = now or timezone.now()
    try:
        return auto_top_up_sweep(now=now) + payments_refresh_due(now=now) + refunds_resend_due(now=now)
    except stripe_client.StripeUnavailable as error:
        log.warning("billing.sweep_cut_short", error=error.message)
        return 0
