"""An account's statement: every ledger transaction that changed what it has, with its run and price version.

A hold moves money between the account's own pots and changes nothing, so it is no line; its settlement is. The lines
of a period are those whose transactions lie between two ids, so closing less opening balance is the sum of its lines to
the nano-dollar. Read newest first in bounded pieces, whatever the account's size. Reads only; sums by day are in
statements.py.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from backend.core.errors import ApplicationError
from backend.metering.models import Hold, LedgerTransaction, UsageRecord
from backend.metering.money import usd_exact
from backend.metering.signals import run_branches_wanted
from backend.metering.statements import run_questions

LINES_PAGE_MAX = 100
CSV_BATCH = 500  # lines read at a time while a CSV streams
# Entries read at once: a line stands for about two transactions of two or three entries.
ENTRIES_PER_LINE = 6
ENTRIES_MIN = 500

CSV_COLUMNS = (
    "transaction_id",
    "created_at",
    "kind",
    "run_id",
    "branches",
    "model",
    "api_key_name",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "tool_result_tokens",
    "price_version",
    "price_nano_usd_per_token",
    "price_effective_from",
    "amount_nano_usd",
    "amount_usd",
    "balance_after_nano_usd",
    "reason",
)

# One snapshot: what the account has now, its newest transaction, and what it was given and charged from an id on.
BALANCES_SQL = """
WITH pots AS (SELECT id, kind FROM metering_ledgeraccount WHERE account_id = %(account)s)
SELECT coalesce((SELECT available_nano_usd + held_nano_usd FROM metering_balance WHERE account_id = %(account)s), 0)
       + coalesce((SELECT sum(amount_nano_usd) FROM metering_ledgerentry e JOIN pots ON pots.id = e.ledger_account_id
                   WHERE pots.kind NOT IN ('credit', 'hold')), 0)::bigint,
       coalesce((SELECT max(t.newest) FROM pots, LATERAL (SELECT max(transaction_id) AS newest
                 FROM metering_ledgerentry e WHERE e.ledger_account_id = pots.id) t), 0),
       coalesce((SELECT sum(amount_nano_usd) FROM metering_ledgerentry e JOIN pots ON pots.id = e.ledger_account_id
                 WHERE e.transaction_id >= %(end)s), 0)::bigint,
       coalesce((SELECT sum(amount_nano_usd) FROM metering_ledgerentry e JOIN pots ON pots.id = e.ledger_account_id
                 WHERE e.transaction_id >= %(begin)s), 0)::bigint
"""

# The newest entries of each pot below an id, by the index on (pot, transaction).
ENTRIES_SQL = """
SELECT e.transaction_id, e.amount_nano_usd FROM metering_ledgeraccount p, LATERAL (
    SELECT transaction_id, amount_nano_usd FROM metering_ledgerentry
    WHERE ledger_account_id = p.id AND transaction_id < %(below)s AND transaction_id >= %(begin)s
    ORDER BY transaction_id DESC LIMIT %(limit)s) e
WHERE p.account_id = %(account)s ORDER BY e.transaction_id DESC LIMIT %(limit)s
"""

ID_MAX = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Period:
    """From `begin` to before `end`, as ids of ledger transactions, with what the account had at both."""

    account_id: str
    begin: int
    end: int
    opening_nano_usd: int
    closing_nano_usd: int


def period_read(*, account_id: str, first_day: dt.date | None, last_day: dt.date | None) -> Period:
    """The days from `first_day` to `last_day`, both counting (UTC). None: from the beginning, until now."""
    if first_day and last_day and first_day > last_day:
        raise ApplicationError("`from` must not be after `to`.", param="from")
    begin = _first_id_since(first_day) if first_day else 0
    end = _first_id_since(last_day + dt.timedelta(days=1)) if last_day else ID_MAX
    with connection.cursor() as cursor:
        cursor.execute(BALANCES_SQL, {"account": account_id, "begin": begin, "end": end})
        now, newest, since_end, since_begin = cursor.fetchone()
    return Period(
        account_id=account_id,
        begin=begin,
        end=min(end, newest + 1),  # what happens while this is read is the next reader's
        opening_nano_usd=now - since_begin,
        closing_nano_usd=now - since_end,
    )


def _first_id_since(day: dt.date) -> int:
    """The first ledger transaction of that day or later, by halving: ids grow with time, so no index is needed."""
    moment = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    rows = LedgerTransaction.objects.order_by("id")
    low, high = 0, (rows.values_list("id", flat=True).last() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(id__gte=middle, id__lt=high).values_list("id", "created_at").first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low


def statement_lines(
    period: Period, *, below: int, balance_nano_usd: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """At most `limit` lines older than transaction `below`, newest first, the first of which left `balance_nano_usd`;
    and the id below which the next piece begins (0: there is none)."""
    changes, below = _changes(period, below=below, limit=limit)
    lines = _described(period.account_id, changes)
    for line in lines:
        line["balance_after_nano_usd"] = balance_nano_usd
        balance_nano_usd -= line["amount_nano_usd"]
    return lines, below


def _changes(period: Period, *, below: int, limit: int) -> tuple[dict[int, int], int]:
    """What each transaction changed, by its id, newest first; without those that changed nothing."""
    changes: dict[int, int] = {}
    num_entries = max(ENTRIES_MIN, limit * ENTRIES_PER_LINE)
    while below > period.begin:
        with connection.cursor() as cursor:
            cursor.execute(
                ENTRIES_SQL,
                {"account": period.account_id, "below": below, "begin": period.begin, "limit": num_entries},
            )
            entries = cursor.fetchall()
        is_last = len(entries) < num_entries
        cut = 0 if is_last else entries[-1][0]  # the oldest transaction may have lost entries to the limit
        sums: dict[int, int] = {}
        for transaction_id, amount in entries:
            if transaction_id != cut:
                sums[transaction_id] = sums.get(transaction_id, 0) + amount
        for transaction_id, amount in sums.items():
            if amount and len(changes) == limit:
                return changes, min(changes)
            if amount:
                changes[transaction_id] = amount
        if is_last:
            return changes, 0
        below = min(sums)
    return changes, 0


def _described(account_id: str, changes: dict[int, int]) -> list[dict[str, Any]]:
    transactions = LedgerTransaction.objects.in_bulk(list(changes))
    run_ids = [t.run_id for t in transactions.values() if t.run_id]
    records = UsageRecord.objects.select_related("api_key").in_bulk(run_ids)
    holds = Hold.objects.select_related("price").in_bulk(run_ids)
    questions = run_questions(account_id=account_id, run_ids=run_ids)
    branches = run_branches(account_id=account_id, run_ids=run_ids)
    return [
        _line(
            transactions[transaction_id],
            amount,
            record=records.get(transactions[transaction_id].run_id),
            hold=holds.get(transactions[transaction_id].run_id),
            question=questions.get(transactions[transaction_id].run_id, ""),
            branches=branches.get(transactions[transaction_id].run_id, []),
        )
        for transaction_id, amount in changes.items()
    ]


def _line(
    transaction: LedgerTransaction,
    amount: int,
    *,
    record: UsageRecord | None,
    hold: Hold | None,
    question: str,
    branches: list[dict[str, Any]],
) -> dict[str, Any]:
    price = hold.price if hold else None
    return {
        "transaction_id": transaction.pk,
        "created_at": transaction.created_at,
        "kind": transaction.kind,
        "amount_nano_usd": amount,
        "reason": transaction.reason,
        "run_id": transaction.run_id,
        "question": question,
        "branches": branches,
        "model": record.model if record else "",
        "api_key_name": record.api_key.name if record and record.api_key else "",
        "prompt_tokens": record.prompt_tokens if record else None,
        "completion_tokens": record.completion_tokens if record else None,
        "reasoning_tokens": record.reasoning_tokens if record else None,
        "tool_result_tokens": record.tool_result_tokens if record else None,
        "price_nano_usd_per_token": record.price_nano_usd_per_token if record else None,
        "price_version": price.pk if price else None,
        "price_effective_from": price.effective_from if price else None,
    }


def run_branches(*, account_id: str, run_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The search branches of those runs that had several: number, tokens made in it, and whether the answer is its."""
    answers: list[tuple[Any, dict[str, list[dict[str, Any]]]]] = run_branches_wanted.send(  # type: ignore[assignment]
        sender=UsageRecord, account_id=account_id, run_ids=run_ids
    )
    return {run_id: branches for _, found in answers for run_id, branches in found.items()}


# --- Pages and CSV


def statement_page(period: Period, *, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the period, newest first, and the cursor of the next (None at the end)."""
    below, balance = _cursor_read(cursor) if cursor else (period.end, period.closing_nano_usd)
    lines, following = statement_lines(period, below=below, balance_nano_usd=balance, limit=limit)
    if not following:
        return lines, None
    rest = lines[-1]["balance_after_nano_usd"] - lines[-1]["amount_nano_usd"]
    return lines, base64.urlsafe_b64encode(f"{following}|{rest}".encode()).decode()


def _cursor_read(cursor: str) -> tuple[int, int]:
    try:
        below, balance = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        return min(int(below), ID_MAX), int(balance)
    except (ValueError, binascii.Error) as error:
        raise ApplicationError("This cursor is not one of ours.", param="cursor") from error


def statement_rows(period: Period) -> Iterator[dict[str, Any]]:
    """Every line of the period for a CSV, newest first, read in batches."""
    below, balance = period.end, period.closing_nano_usd
    while below:
        lines, below = statement_lines(period, below=below, balance_nano_usd=balance, limit=CSV_BATCH)
        for line in lines:
            balance = line["balance_after_nano_usd"] - line["amount_nano_usd"]
            yield {name: _cell(name, line) for name in CSV_COLUMNS}


def _cell(name: str, line: dict[str, Any]) -> Any:
    if name == "amount_usd":
        return usd_exact(line["amount_nano_usd"])
    if name == "branches":
        return " ".join(f"{b['branch_id']}:{b['num_tokens']}" for b in line["branches"])
    value = line[name]
    return "" if value is None else value.isoformat() if isinstance(value, dt.datetime) else value
