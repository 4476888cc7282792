"""The outbox of metered usage: what pay-as-you-go accounts used, told to Stripe once, however long it is away.

A batch is what the account owes beyond what was metered before and is not paid yet, in whole units; the rest of a
unit, and what invoices round off, waits for the next batch. It follows from the ledger, so usage that settles late
or while Stripe is down is in a later batch, never lost and never twice. Stripe is a mirror: nothing here moves
money of ours.

Sending: `told_at` and `first_tried_at` are committed before the first try. A repeat within a day is told apart by
Stripe ("already exists" = delivered); later Stripe forgets, so before a repeat its sum for that minute is asked. An
event may be told up to 35 days late. Whatever is late raises the alarm in `outbox_read`.
"""

import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Count, F, Min, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.models import Customer, Invoice, MeterEvent, PayAsYouGo
from backend.billing.stripe_client import UNIT_NANO_USD
from backend.core.failpoints import failpoint
from backend.metering.models import Balance
from backend.metering.payments import NANO_USD_PER_CENT

log = structlog.get_logger(__name__)

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)
SEND_MAX = 200  # events a tick: well under its minute, and far below Stripe's 1,000 a second
LEASE = dt.timedelta(minutes=2)  # a claimed event is nobody else's so long; twice the longest task
BACK_OFF_MIN = dt.timedelta(minutes=1)
BACK_OFF_DOUBLINGS_MAX = 6  # so at most 64 minutes between two tries
TELL_BACK_MAX = dt.timedelta(days=34)  # Stripe takes 35; the last day is for clocks and queues
LAG_ALARM = dt.timedelta(hours=3)  # two hourly batches missed: more than a hiccup
ERROR_CHARS_MAX = 240

Status = MeterEvent.Status


def hour_floor(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def _minute_floor(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(second=0, microsecond=0)


# --- Batches


def batches_cut(*, now: dt.datetime) -> int:
    """One batch of the hour that ended last for each account that pays afterwards. Returns how many have usage."""
    hour = hour_floor(now) - HOUR
    accounts = PayAsYouGo.objects.exclude(subscription_id=None).exclude(started_at__gte=hour + HOUR)
    known = MeterEvent.objects.filter(hour=hour).values("account_id")
    due = accounts.exclude(account_id__in=known).values_list("account_id", flat=True)
    return sum(batch_cut(account_id, hour=hour, told_at=hour + HOUR) for account_id in list(due))


@transaction.atomic
def batch_cut(account_id: str, *, hour: dt.datetime, told_at: dt.datetime) -> bool:
    """Writes the batch of that hour, once. False: nothing to tell, or it was written before."""
    # The lock makes balance, batches and invoices one picture: each of their writers holds it.
    Balance.objects.select_for_update().get(account_id=account_id)
    units = _untold_nano_usd(account_id) // UNIT_NANO_USD
    if units <= 0:
        return False
    _, is_new = MeterEvent.objects.get_or_create(
        account_id=account_id,
        hour=hour,
        defaults={
            "identifier": f"usage:{account_id}:{hour:%Y-%m-%dT%H}",
            "units": units,
            "told_at": told_at,
            "due_at": told_at,
        },
    )
    return is_new


def _untold_nano_usd(account_id: str) -> int:
    """n$ the account owes that Stripe has not been told of: its debt, less what is told and not paid yet."""
    balance = Balance.objects.get(account_id=account_id)
    debt = -(balance.available_nano_usd + balance.held_nano_usd)
    told = MeterEvent.objects.filter(account_id=account_id).aggregate(total=Sum("units"))["total"] or 0
    invoices = Invoice.objects.filter(account_id=account_id)
    paid = invoices.filter(status="paid").aggregate(total=Sum(F("paid_cents") - F("tax_cents")))["total"] or 0
    rounded = invoices.aggregate(total=Sum("rounding_nano_usd"))["total"] or 0
    return debt - (told * UNIT_NANO_USD - paid * NANO_USD_PER_CENT - rounded)


# --- Sending


def outbox_send(*, now: dt.datetime | None = None) -> int:
    """A tick: cuts the batches that are due, then sends what is due. Returns how many arrived.

    Ends at the first sign that Stripe is down or wants fewer calls: the next tick goes on.
    """
    now = now or timezone.now()
    batches_cut(now=now)
    due = MeterEvent.objects.filter(status=Status.PENDING, due_at__lte=now).order_by("due_at", "hour")
    num = 0
    for identifier in list(due.values_list("identifier", flat=True)[:SEND_MAX]):
        try:
            num += _send(identifier, now=now)
        except stripe_client.StripeUnavailable:
            break
    outbox_alarm(now=now)
    return num


def outbox_tick() -> None:
    """The tick of a server that takes payments."""
    if stripe_client.is_configured():
        outbox_send()


def outbox_send_account(account_id: str, *, now: dt.datetime) -> None:
    """Sends what one account has pending, due or not. Raises StripeUnavailable."""
    MeterEvent.objects.filter(account_id=account_id, status=Status.PENDING, due_at__gt=now).update(due_at=now)
    pending = MeterEvent.objects.filter(account_id=account_id, status=Status.PENDING).order_by("hour")
    for identifier in list(pending.values_list("identifier", flat=True)[:SEND_MAX]):
        _send(identifier, now=now)


def _send(identifier: str, *, now: dt.datetime) -> bool:
    """Claims the event and tells it. True when it arrived. Raises StripeUnavailable after writing that down."""
    event = _claim(identifier, now=now)
    if event is None:
        return False
    customer_id = Customer.objects.values_list("stripe_customer_id", flat=True).get(account_id=event.account_id)
    try:
        if not _is_known_at_stripe(event, customer_id, now=now):
            event = _retimed(event, now=now)
            assert event.told_at is not None
            stripe_client.meter_event_send(
                identifier=event.identifier, customer_id=customer_id, units=event.units, at=event.told_at
            )
    except (stripe_client.StripeUnavailable, stripe_client.StripeRefused) as error:
        _fail(event, error.message, now=now)
        if isinstance(error, stripe_client.StripeUnavailable):
            raise
        log.warning("meter.refused", identifier=identifier, error=error.message)
        return False
    failpoint("outbox.sent")
    MeterEvent.objects.filter(identifier=identifier).update(status=Status.SENT, sent_at=now, last_error="")
    return True


def _claim(identifier: str, *, now: dt.datetime) -> MeterEvent | None:
    claimed = MeterEvent.objects.filter(identifier=identifier, status=Status.PENDING, due_at__lte=now).update(
        due_at=now + LEASE, num_tries=F("num_tries") + 1
    )
    return MeterEvent.objects.get(identifier=identifier) if claimed else None


def _is_known_at_stripe(event: MeterEvent, customer_id: str, *, now: dt.datetime) -> bool:
    """Whether an earlier try arrived, asked where the identifier no longer protects.

    The sum of the event's minute holds this account's events of that minute and nothing else.
    """
    tried_at = event.first_tried_at
    if tried_at is None:
        MeterEvent.objects.filter(pk=event.pk).update(first_tried_at=now)
        return False
    if now - tried_at < stripe_client.KEY_LIFE:
        return False
    assert event.told_at is not None
    start = _minute_floor(event.told_at)
    found = stripe_client.meter_units_between(customer_id=customer_id, start=start, end=start + MINUTE)
    others = MeterEvent.objects.filter(
        account_id=event.account_id, status=Status.SENT, told_at__gte=start, told_at__lt=start + MINUTE
    ).aggregate(total=Sum("units"))["total"]
    missing = found - (others or 0)
    if missing not in (0, event.units):
        raise stripe_client.StripeRefused(f"Stripe counts {found} units of that minute: not sent again by itself.")
    if missing == 0:  # from here on the identifier protects again
        MeterEvent.objects.filter(pk=event.pk).update(first_tried_at=now)
    return missing == event.units


def _retimed(event: MeterEvent, *, now: dt.datetime) -> MeterEvent:
    """An event that is about to be too old is told as of now: late in a bill, but in one. Only called when unknown."""
    if event.told_at is None or now - event.told_at > TELL_BACK_MAX:
        MeterEvent.objects.filter(pk=event.pk).update(told_at=_minute_floor(now), first_tried_at=now)
        event.refresh_from_db()
    return event


def _fail(event: MeterEvent, message: str, *, now: dt.datetime) -> None:
    wait = BACK_OFF_MIN * 2 ** min(event.num_tries - 1, BACK_OFF_DOUBLINGS_MAX)
    MeterEvent.objects.filter(pk=event.pk).update(due_at=now + wait, last_error=message[:ERROR_CHARS_MAX])


# --- How far behind


@dataclass(frozen=True, kw_only=True)
class OutboxRead:
    num_pending: int
    units_pending: int
    oldest_at: dt.datetime | None  # the end of its hour
    is_behind: bool
    last_error: str

    @property
    def alarm(self) -> str:
        """A sentence for the operator while usage is late; else empty."""
        if not self.is_behind:
            return ""
        return (
            f"{self.num_pending} hours of pay-as-you-go usage wait for Stripe since {self.oldest_at:%Y-%m-%d %H:%M} UTC"
        )


def outbox_read(*, now: dt.datetime | None = None) -> OutboxRead:
    now = now or timezone.now()
    pending = MeterEvent.objects.filter(status=Status.PENDING)
    found = pending.aggregate(num=Count("pk"), units=Coalesce(Sum("units"), 0), oldest=Min("hour"))
    oldest_at = found["oldest"] + HOUR if found["oldest"] else None
    last = pending.exclude(last_error="").order_by("-due_at").values_list("last_error", flat=True).first()
    return OutboxRead(
        num_pending=found["num"],
        units_pending=found["units"],
        oldest_at=oldest_at,
        is_behind=oldest_at is not None and now - oldest_at > LAG_ALARM,
        last_error=last or "",
    )


def outbox_alarm(*, now: dt.datetime) -> OutboxRead:
    """What is late is an error in the log, once a tick until it is sent."""
    state = outbox_read(now=now)
    if state.is_behind:
        log.error("meter.behind", pending=state.num_pending, oldest_at=str(state.oldest_at), error=state.last_error)
    return state
