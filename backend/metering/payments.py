"""Payments in the ledger: money that came in, money that left, what is owed, and who may run meanwhile.

Each movement is keyed by a `source` that names the fact at the far end (`topup:pi_…`), so whoever hears of it
first books it and everybody else finds it booked, however late. What is paid in covers an open receivable
first. Amounts are nano-dollars and include tax where `tax_nano_usd` says so; credit is what is left without it.
Not here: Stripe, cards and webhooks (billing).
"""

import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import connection
from django.db.models import Q, Sum

from backend.core.errors import ApplicationError
from backend.metering.models import Balance, LedgerAccount, LedgerEntry, LedgerTransaction

log = structlog.get_logger(__name__)

NANO_USD_PER_CENT = 10_000_000
REASON_CHARS_MAX = 240  # as wide as the ledger's column

Kind = LedgerTransaction.Kind
MONEY_IN = frozenset({Kind.TOPUP, Kind.METERED, Kind.REFUND_REVERSAL, Kind.DISPUTE_REVERSAL})
MONEY_OUT = frozenset({Kind.REFUND, Kind.DISPUTE})


class NotEnoughCredit(ApplicationError):
    """A refund asks for more than what is unspent."""

    code, status = "not_enough_credit", 409


@dataclass(frozen=True, kw_only=True)
class Movement:
    """One payment as the ledger books it."""

    kind: LedgerTransaction.Kind
    source: str
    account_id: str
    total_nano_usd: int  # what passed at the far end
    tax_nano_usd: int = 0  # part of it
    actor: str
    reason: str

    def __post_init__(self) -> None:
        assert 0 <= self.tax_nano_usd < self.total_nano_usd, f"{self!r}"
        assert self.kind in MONEY_IN | MONEY_OUT, f"{self.kind!r} is no payment"


def money_in(movement: Movement) -> bool:
    """Books money that came in: an open receivable first, the rest is credit. False: it was booked before."""
    assert movement.kind in MONEY_IN, f"{movement.kind!r} is no money in"
    is_new = bool(_call("SELECT metering_money_in(%s, %s, %s, %s, %s, %s, %s)", movement))
    _log(movement, is_new)
    return is_new


def money_out(movement: Movement, *, must_be_covered: bool) -> bool:
    """Books money that left. False: it was booked before.

    Raises NotEnoughCredit when `must_be_covered` and the free credit is smaller. Otherwise (a chargeback, which
    asks nobody) what the credit does not cover is owed by the account.
    """
    assert movement.kind in MONEY_OUT, f"{movement.kind!r} is no money out"
    outcome = _call("SELECT metering_money_out(%s, %s, %s, %s, %s, %s, %s, %s)", movement, must_be_covered)
    if outcome == "refused":
        raise NotEnoughCredit("This is more than your unspent credit: refund a smaller amount.", param="amount_cents")
    _log(movement, outcome == "booked")
    return outcome == "booked"


def _call(statement: str, movement: Movement, *flags: bool) -> object:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [
                movement.kind.value,
                movement.source,
                movement.account_id,
                movement.total_nano_usd,
                movement.tax_nano_usd,
                *flags,
                movement.actor,
                movement.reason[:REASON_CHARS_MAX],
            ],
        )
        return cursor.fetchone()[0]


def _log(movement: Movement, is_new: bool) -> None:
    if is_new:
        log.info(
            f"ledger.{movement.kind.value}",
            source=movement.source,
            account_id=movement.account_id,
            total_nano_usd=movement.total_nano_usd,
            tax_nano_usd=movement.tax_nano_usd,
        )


# --- What the ledger says of an account's payments


def owed_read(account_id: str) -> int:
    """n$ the account owes beyond its credit, after chargebacks."""
    found = LedgerEntry.objects.filter(
        ledger_account__account_id=account_id, ledger_account__kind=LedgerAccount.Kind.RECEIVABLE
    )
    return -(found.aggregate(total=Sum("amount_nano_usd"))["total"] or 0)


def paid_unspent_read(account_id: str) -> int:
    """n$ of the free credit that was paid for and can be paid back.

    Promotional credit is spent first, so a customer's own money is the last to go: the smaller of what is free
    and what was paid in and not taken out again.
    """
    paid = LedgerEntry.objects.filter(
        Q(transaction__kind__in=MONEY_IN | MONEY_OUT),
        ledger_account__account_id=account_id,
        ledger_account__kind=LedgerAccount.Kind.CREDIT,
    ).aggregate(total=Sum("amount_nano_usd"))["total"]
    free = Balance.objects.filter(account_id=account_id).values_list("available_nano_usd", flat=True).first()
    return max(0, min(paid or 0, free or 0))


# --- What admission and settlement read


def pause_set(*, account_id: str, paused_from: dt.datetime | None, reason: str) -> None:
    """From `paused_from` on the account starts no run; None lifts that."""
    Balance.objects.filter(account_id=account_id).update(
        paused_from=paused_from, pause_reason=reason[:REASON_CHARS_MAX] if paused_from else ""
    )


def low_mark_set(*, account_id: str, below_nano_usd: int | None) -> None:
    """A settlement that leaves less than this sends `balance_low`; None: none does."""
    Balance.objects.filter(account_id=account_id).update(low_below_nano_usd=below_nano_usd)


def credit_limit_set(*, account_id: str, limit_nano_usd: int) -> int:
    """How far the balance may go below 0. A debt above the new limit stays allowed as it is. Returns the limit set."""
    assert limit_nano_usd >= 0, f"{limit_nano_usd=}"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE metering_balance SET credit_limit_nano_usd = greatest(%s, -available_nano_usd)"
            " WHERE account_id = %s RETURNING credit_limit_nano_usd",
            [limit_nano_usd, account_id],
        )
        row = cursor.fetchone()
    assert row is not None, f"account {account_id} has no balance"
    return int(row[0])
