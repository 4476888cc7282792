"""Cash = Stripe: our account's lines at Stripe against the ledger's `cash`, one by one.

Lines are copied as they come and never change; the comparison is a view over everything (migration 0002). Both sides
are named by the same fact: a top-up by its PaymentIntent, an invoice, a refund, a dispute. Amounts are what customers
paid and got back; Stripe's fees and the payouts to our bank are no customer's money, so they are shown and not
compared. What is younger than `SETTLE_GRACE` may be on its way from one side to the other and waits. Reads Stripe,
changes no money.
"""

import datetime as dt
import time
from dataclasses import dataclass

import structlog
from django.db import connection
from django.db.models import Max, Min, Sum
from django.utils import timezone

from backend.billing import stripe_client
from backend.billing.metered import OutboxRead, outbox_read
from backend.billing.models import Payment, Reconciliation, StripeLine
from backend.billing.stripe_objects import BalanceTransaction
from backend.core.failpoints import failpoint

log = structlog.get_logger(__name__)

LINES_MAX = 2_000  # a tick: 20 calls and one step more, well under its minute
STEP = dt.timedelta(days=7)  # of a long stretch
OVERLAP = dt.timedelta(days=1)  # read again: lines may appear a little after their moment
SETTLE_GRACE = dt.timedelta(minutes=15)  # for a webhook that comes late, and for a line that does
STALE_AFTER = dt.timedelta(hours=26)  # a nightly comparison that did not happen is itself an alarm
DIFFERENCES_SHOWN_MAX = 20
DIFFERENCE_CHARS_MAX = 240


@dataclass(frozen=True, kw_only=True)
class Difference:
    name: str  # "topup:pi_…"
    stripe_nano_usd: int
    ledger_nano_usd: int
    at: dt.datetime

    def __str__(self) -> str:
        return f"{self.name}: Stripe {self.stripe_nano_usd} n$, ledger {self.ledger_nano_usd} n$"


@dataclass(frozen=True, kw_only=True)
class ReconciliationRead:
    is_equal: bool  # nothing differs, and the comparison is not stale
    is_configured: bool  # False: no payments on this server; then the ledger's cash must be 0
    num_compared: int  # facts on either side
    num_waiting: int  # too young to compare
    stripe_nano_usd: int  # of what was compared
    ledger_nano_usd: int
    fees_cents: int
    differences: list[Difference]  # the first ones
    num_differences: int
    read_until: dt.datetime | None  # Stripe's lines are known up to then
    is_stale: bool
    wall_ms: int
    outbox: OutboxRead

    @property
    def first_difference(self) -> str:
        return str(self.differences[0]) if self.differences else ""


def reconciliation_read(*, now: dt.datetime | None = None) -> ReconciliationRead:
    """The comparison as it stands, over every line we have a copy of. Asks the database only."""
    now = now or timezone.now()
    started = time.monotonic()
    read_until = Reconciliation.objects.aggregate(last=Max("read_until"))["last"]
    # Stripe's side is known up to the last reading; what is younger on either side waits for the next.
    until = min(now, read_until or now) - SETTLE_GRACE
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, stripe_nano_usd, ledger_nano_usd, at, count(*) OVER () FROM billing_cash_sides"
            " WHERE stripe_nano_usd <> ledger_nano_usd AND at <= %s ORDER BY at, name LIMIT %s",
            [until, DIFFERENCES_SHOWN_MAX],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE is_waiting),"
            " coalesce(sum(stripe_nano_usd) FILTER (WHERE NOT is_waiting), 0)::bigint,"
            " coalesce(sum(ledger_nano_usd) FILTER (WHERE NOT is_waiting), 0)::bigint"
            " FROM (SELECT *, at > %s AND stripe_nano_usd <> ledger_nano_usd AS is_waiting FROM billing_cash_sides) s",
            [until],
        )
        total, waiting, stripe_total, ledger_total = cursor.fetchone()
    is_configured = stripe_client.is_configured()
    is_stale = is_configured and (read_until is None or now - read_until > STALE_AFTER)
    return ReconciliationRead(
        is_equal=not rows and not is_stale,
        is_configured=is_configured,
        num_compared=total - waiting,
        num_waiting=waiting,
        stripe_nano_usd=stripe_total,
        ledger_nano_usd=ledger_total,
        fees_cents=StripeLine.objects.aggregate(total=Sum("fee_cents"))["total"] or 0,
        differences=[
            Difference(name=name, stripe_nano_usd=stripe, ledger_nano_usd=ledger, at=at)
            for name, stripe, ledger, at, _ in rows
        ],
        num_differences=rows[0][4] if rows else 0,
        read_until=read_until,
        is_stale=is_stale,
        wall_ms=round((time.monotonic() - started) * 1000),
        outbox=outbox_read(now=now),
    )


def reconcile(*, now: dt.datetime | None = None) -> Reconciliation:
    """Copies what is new at Stripe, compares, and writes down how it came out. A difference is an error in the log."""
    now = now or timezone.now()
    started = time.monotonic()
    num_new, read_until = _lines_copy(now=now)
    failpoint("reconcile.copied")
    result = Reconciliation(
        created_at=now,
        num_lines_new=num_new,
        num_compared=0,
        num_differences=0,
        wall_ms=0,
        read_until=read_until,
    )
    result.save()
    found = reconciliation_read(now=now)
    result.num_compared, result.num_differences = found.num_compared, found.num_differences
    result.first_difference = found.first_difference[:DIFFERENCE_CHARS_MAX]
    result.wall_ms = round((time.monotonic() - started) * 1000)
    result.save()
    if found.num_differences:
        log.error("reconcile.different", num=found.num_differences, first=found.first_difference)
    return result


def reconcile_tick() -> None:
    """The tick of a server that takes payments. A Stripe that does not answer waits for the next one."""
    if stripe_client.is_configured():
        try:
            reconcile()
        except stripe_client.StripeUnavailable as error:
            log.warning("reconcile.put_off", error=error.message)


def _lines_copy(*, now: dt.datetime) -> tuple[int, dt.datetime]:
    """Copies lines from where the last reading ended. How many were new, and up to when all are known.

    Stripe lists the newest first, so a long stretch is read in steps from old to new: a tick that ends early has
    left no hole behind it.
    """
    at = _read_from(now=now)
    num_before, num_read = StripeLine.objects.count(), 0
    while at < now and num_read < LINES_MAX:
        until = min(at + STEP, now)
        lines = [_line_of(line) for line in stripe_client.balance_transactions(since=at, until=until)]
        StripeLine.objects.bulk_create(lines, ignore_conflicts=True)
        at, num_read = until, num_read + len(lines)
    return StripeLine.objects.count() - num_before, at


def _read_from(*, now: dt.datetime) -> dt.datetime:
    last = Reconciliation.objects.aggregate(last=Max("read_until"))["last"]
    if last is None:  # before our first payment nothing at Stripe is ours
        last = Payment.objects.aggregate(first=Min("created_at"))["first"] or now
    began: dt.datetime = min(last, now)
    return began - OVERLAP


def _line_of(line: BalanceTransaction) -> StripeLine:
    return StripeLine(
        id=line.id,
        type=line.type[:40],
        category=line.category[:40],
        source_id=line.source_id,
        payment_intent_id=line.payment_intent_id or "",
        amount_cents=line.amount_cents,
        fee_cents=line.fee_cents,
        created_at=line.created_at,
    )
