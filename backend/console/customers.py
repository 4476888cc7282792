"""Customers as the operator sees them: balance, this month's spend and margin, credit given; and giving credit.

Margin is what a customer was charged this month less their share of the fleet's cost: by tokens made, free ones too.
Derived at each call; nothing is stored. Money is integer nano-dollars, months are calendar months in UTC.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from backend.accounts.models import Account, ApiKey
from backend.console.search import like_escaped
from backend.core.errors import ApplicationError, NotFound
from backend.metering.caps import month_now
from backend.metering.models import LedgerAccount, LedgerEntry, LedgerTransaction, UsageRecord
from backend.metering.money import usd
from backend.metering.services import credit_grant
from backend.nodes.models import Node

CUSTOMERS_PAGE_MAX = 50
GRANT_NANO_USD_MAX = 10_000_000_000_000  # $10,000 at once: above it somebody has mistyped
GRANT_UNCONFIRMED_NANO_USD_MAX = 100_000_000_000  # $100: above it the customer's name is typed to confirm
REASON_CHARS_MIN, REASON_CHARS_MAX = 3, 240
GRANTS_SHOWN_MAX = 20
SECONDS_PER_HOUR = 3600

# One page of customers, the month's largest spender first. Sums only of the month.
CUSTOMERS_SQL = """
SELECT a.id, a.name, a.is_local, a.created_at,
       coalesce((SELECT array_agg(u.email ORDER BY m.id) FROM accounts_membership m
                 JOIN accounts_user u ON u.id = m.user_id WHERE m.account_id = a.id), '{}') AS emails,
       coalesce(b.available_nano_usd + b.held_nano_usd, 0) AS balance_nano_usd,
       coalesce(b.credit_limit_nano_usd, 0) AS credit_limit_nano_usd, b.monthly_cap_nano_usd,
       coalesce(s.spend, 0)::bigint AS spend_month_nano_usd, coalesce(s.tokens, 0)::bigint AS tokens_month,
       coalesce(s.runs, 0) AS runs_month
FROM accounts_account a
LEFT JOIN metering_balance b ON b.account_id = a.id
LEFT JOIN (SELECT account_id, sum(cost_nano_usd) AS spend, sum(prompt_tokens + completion_tokens) AS tokens,
                  count(*) AS runs
           FROM metering_usagerecord WHERE created_at >= %(month)s GROUP BY account_id) s ON s.account_id = a.id
WHERE %(query)s = '' OR a.id = %(query)s OR a.name ILIKE %(like)s OR EXISTS (
    SELECT 1 FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
    WHERE m.account_id = a.id AND u.email ILIKE %(like)s)
ORDER BY coalesce(s.spend, 0) DESC, a.created_at, a.id LIMIT %(limit)s OFFSET %(offset)s
"""


@dataclass(frozen=True, kw_only=True)
class MonthTotals:
    """All customers' month: what was charged, what the fleet cost since the month began, all tokens made."""

    spend_nano_usd: int
    fleet_cost_nano_usd: int
    tokens: int

    def cost_share(self, tokens: int) -> int:
        return self.fleet_cost_nano_usd * tokens // self.tokens if self.tokens else 0


def _month_start() -> dt.datetime:
    return dt.datetime.combine(month_now(), dt.time.min, tzinfo=dt.UTC)


def fleet_cost(*, since: dt.datetime, until: dt.datetime) -> int:
    """What the nodes cost in that time by their prices an hour, from each node's own beginning on."""
    total = 0
    for node in Node.objects.filter(is_enabled=True):
        seconds = int((until - max(since, node.created_at)).total_seconds())
        total += node.price_nano_usd_per_hour * max(0, seconds) // SECONDS_PER_HOUR
    return total


def month_totals() -> MonthTotals:
    start = _month_start()
    sums = UsageRecord.objects.filter(created_at__gte=start).aggregate(
        spend=Sum("cost_nano_usd"), prompt=Sum("prompt_tokens"), completion=Sum("completion_tokens")
    )
    return MonthTotals(
        spend_nano_usd=sums["spend"] or 0,
        fleet_cost_nano_usd=fleet_cost(since=start, until=timezone.now()),
        tokens=(sums["prompt"] or 0) + (sums["completion"] or 0),
    )


def customers_read(*, query: str, page: int) -> tuple[list[dict[str, Any]], bool]:
    """A page of customers (from 1), and whether there are more. `query`: an id, or part of a name or an e-mail."""
    totals = month_totals()
    with connection.cursor() as cursor:
        cursor.execute(
            CUSTOMERS_SQL,
            {
                "month": _month_start(),
                "query": query,
                "like": f"%{like_escaped(query)}%",
                "limit": CUSTOMERS_PAGE_MAX + 1,
                "offset": (page - 1) * CUSTOMERS_PAGE_MAX,
            },
        )
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["margin_month_nano_usd"] = row["spend_month_nano_usd"] - totals.cost_share(row["tokens_month"])
    return rows[:CUSTOMERS_PAGE_MAX], len(rows) > CUSTOMERS_PAGE_MAX


def customer_read(account_id: str) -> dict[str, Any]:
    """One customer with the credit given to them. Raises NotFound."""
    _account_get(account_id)
    (row,) = customers_read(query=account_id, page=1)[0]
    given = LedgerEntry.objects.filter(
        ledger_account__kind=LedgerAccount.Kind.CREDIT,
        ledger_account__account_id=account_id,
        transaction__kind=LedgerTransaction.Kind.GRANT,
    ).select_related("transaction")
    row["num_live_keys"] = ApiKey.objects.filter(account_id=account_id, revoked_at=None).count()
    row["grants"] = [
        {
            "created_at": entry.transaction.created_at,
            "amount_nano_usd": entry.amount_nano_usd,
            "actor": entry.transaction.actor,
            "reason": entry.transaction.reason,
        }
        for entry in given.order_by("-transaction_id")[:GRANTS_SHOWN_MAX]
    ]
    return row


def _account_get(account_id: str) -> Account:
    account = Account.objects.filter(id=account_id).first()
    if account is None:
        raise NotFound(f"There is no customer {account_id!r}.")
    return account


def customer_grant(
    *, account_id: str, grant_id: str, amount_nano_usd: int, reason: str, confirm: str, actor: str
) -> bool:
    """Gives credit, once per `grant_id` (made by the asker). True when it was given now.

    Raises:
        NotFound: no such customer.
        ApplicationError: no reason, more than is given at once, or a large sum without the customer's name typed.
    """
    account = _account_get(account_id)
    reason = reason.strip()
    if not REASON_CHARS_MIN <= len(reason) <= REASON_CHARS_MAX:
        message = f"Say why, in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters: the audit log keeps it."
        raise ApplicationError(message, code="reason_required", param="reason")
    if not 0 < amount_nano_usd <= GRANT_NANO_USD_MAX:
        message = f"A grant is above $0 and at most {usd(GRANT_NANO_USD_MAX)} at once."
        raise ApplicationError(message, param="amount_nano_usd")
    if amount_nano_usd > GRANT_UNCONFIRMED_NANO_USD_MAX and confirm.strip() != account.name:
        message = f"Above {usd(GRANT_UNCONFIRMED_NANO_USD_MAX)}, type the customer's name {account.name!r} to confirm."
        raise ApplicationError(message, code="confirmation_required", param="confirm")
    return credit_grant(
        account_id=account_id,
        amount_nano_usd=amount_nano_usd,
        source=f"grant:console:{account_id}:{grant_id}",
        actor=actor,
        reason=reason,
    )
