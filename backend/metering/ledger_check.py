"""The money proof: what must hold of the ledger at every quiescent point, read in one snapshot.

An empty list of problems is the proof. Reads only; the operator's page (console.proof) and its tick ask more than this.
"""

from dataclasses import dataclass

from django.db import connection, transaction

PROBLEMS_SHOWN_MAX = 20

# Each query returns a line for every row that breaks the claim.
CLAIMS = {
    "all entries sum to 0": """
        SELECT format('Σ = %s n$', s) FROM (SELECT coalesce(sum(amount_nano_usd), 0) s FROM metering_ledgerentry) t
        WHERE s <> 0""",
    "each transaction sums to 0": """
        SELECT format('transaction %s: %s n$', transaction_id, sum(amount_nano_usd)) FROM metering_ledgerentry
        GROUP BY transaction_id HAVING sum(amount_nano_usd) <> 0""",
    "a balance is the sum of its entries": """
        SELECT format('%s: %s + %s held, ledger %s + %s', b.account_id, b.available_nano_usd, b.held_nano_usd,
                      coalesce(c.s, 0), coalesce(h.s, 0))
        FROM metering_balance b
        LEFT JOIN LATERAL (SELECT sum(e.amount_nano_usd) s FROM metering_ledgerentry e JOIN metering_ledgeraccount a
            ON a.id = e.ledger_account_id WHERE a.account_id = b.account_id AND a.kind = 'credit') c ON true
        LEFT JOIN LATERAL (SELECT sum(e.amount_nano_usd) s FROM metering_ledgerentry e JOIN metering_ledgeraccount a
            ON a.id = e.ledger_account_id WHERE a.account_id = b.account_id AND a.kind = 'hold') h ON true
        WHERE b.available_nano_usd <> coalesce(c.s, 0) OR b.held_nano_usd <> coalesce(h.s, 0)""",
    "held money is that of open holds": """
        SELECT format('%s: %s n$ held, open holds %s n$', b.account_id, b.held_nano_usd, coalesce(h.s, 0))
        FROM metering_balance b
        LEFT JOIN LATERAL (SELECT sum(amount_nano_usd) s FROM metering_hold
            WHERE account_id = b.account_id AND is_open) h ON true
        WHERE b.held_nano_usd <> coalesce(h.s, 0)""",
    "a closed hold has its usage and an open one has none": """
        SELECT format('run %s', h.run_id) FROM metering_hold h LEFT JOIN metering_usagerecord u ON u.run_id = h.run_id
        WHERE h.is_open = (u.run_id IS NOT NULL)""",
    "cost is tokens times price": """
        SELECT format('run %s: %s n$', run_id, cost_nano_usd) FROM metering_usagerecord
        WHERE cost_nano_usd <> CASE WHEN is_billable
            THEN (prompt_tokens + completion_tokens) * price_nano_usd_per_token ELSE 0 END""",
    "an account's month is the sum of its runs": """
        SELECT format('%s: %s spent + %s held, runs %s + %s', b.account_id, b.month_spent_nano_usd,
                      b.month_held_nano_usd, r.spent, r.held)
        FROM metering_balance b LEFT JOIN LATERAL (
            SELECT coalesce(sum(u.cost_nano_usd), 0) spent,
                   coalesce(sum(h.amount_nano_usd) FILTER (WHERE h.is_open), 0) held
            FROM metering_hold h LEFT JOIN metering_usagerecord u ON u.run_id = h.run_id
            WHERE h.account_id = b.account_id AND h.month = b.month) r ON true
        WHERE b.month IS NOT NULL AND (b.month_spent_nano_usd <> r.spent OR b.month_held_nano_usd <> r.held)""",
    "nobody owes less than nothing": """
        SELECT format('%s: receivable %s n$', a.account_id, sum(e.amount_nano_usd)) FROM metering_ledgerentry e
        JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id WHERE a.kind = 'receivable'
        GROUP BY a.account_id HAVING sum(e.amount_nano_usd) > 0""",
    "revenue is the cost of all runs": """
        SELECT format('revenue %s n$, usage %s n$', r.s, u.s) FROM
            (SELECT coalesce(sum(e.amount_nano_usd), 0) s FROM metering_ledgerentry e
             JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id WHERE a.kind = 'revenue') r,
            (SELECT coalesce(sum(cost_nano_usd), 0) s FROM metering_usagerecord) u
        WHERE r.s <> u.s""",
}


@dataclass(frozen=True, kw_only=True)
class LedgerReport:
    problems: list[str]
    num_open_holds: int
    held_nano_usd: int
    entries_sum_nano_usd: int

    @property
    def is_sound(self) -> bool:
        return not self.problems


@transaction.atomic
def ledger_check() -> LedgerReport:
    problems: list[str] = []
    with connection.cursor() as cursor:
        if not connection.savepoint_ids:  # inside somebody's transaction the snapshot is theirs
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for claim, query in CLAIMS.items():
            cursor.execute(query)
            problems += [f"{claim}: {line}" for (line,) in cursor.fetchmany(PROBLEMS_SHOWN_MAX)]
        cursor.execute("SELECT count(*), coalesce(sum(amount_nano_usd), 0)::bigint FROM metering_hold WHERE is_open")
        num_open, held = cursor.fetchone()
        cursor.execute("SELECT coalesce(sum(amount_nano_usd), 0)::bigint FROM metering_ledgerentry")
        (total,) = cursor.fetchone()
    return LedgerReport(problems=problems, num_open_holds=num_open, held_nano_usd=held, entries_sum_nano_usd=total)
