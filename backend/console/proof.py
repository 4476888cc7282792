"""The money proof, live: entries sum to 0, holds are live runs, usage is what the nodes counted, cash is Stripe's.

Each line says how many rows it covers, how long it took and the first difference it found, by name. The first three
are read in one snapshot of PostgreSQL; then the nodes are asked for their own journals, and billing for Stripe's. Reads
only. A line that could not be checked says so: it is never green for want of an answer.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import connection, transaction

from backend.billing.reconcile import reconciliation_read
from backend.core.heartbeat import heartbeat
from backend.core.queue import TASK_RECONCILE, enqueue
from backend.metering.ledger_check import CLAIMS
from backend.metering.models import UsageRecord
from backend.nodes.client import NodeAddress, NodeClient, NodeRefused, NodeUnreachable, sessions_close
from backend.nodes.services import node_addresses_load
from backend.runs.models import Run
from gpu_node.protocol.node import UsageRow

log = structlog.get_logger(__name__)

State = Literal["holds", "broken", "unchecked"]

NODE_PAGES_MAX = 200  # of 1,000 runs each: what a node's index may hold before this check needs another way
COUNTERS = ("prompt_tokens", "completion_tokens", "tool_result_tokens", "reasoning_tokens")

# The claims of the ledger's own check, by the line of the proof they belong to.
ENTRIES_CLAIMS = (
    "all entries sum to 0",
    "each transaction sums to 0",
    "a balance is the sum of its entries",
    "revenue is the cost of all runs",
    "nobody owes less than nothing",
)
HOLDS_CLAIMS = (
    "held money is that of open holds",
    "a closed hold has its usage and an open one has none",
    "an account's month is the sum of its runs",
)
HOLDS_ARE_LIVE_RUNS = """
    SELECT CASE WHEN r.id IS NULL THEN format('run %s: %s n$ held, but it is not live', h.run_id, h.amount_nano_usd)
                WHEN h.run_id IS NULL THEN format('run %s is live, but nothing is held for it', r.id)
                ELSE format('run %s: %s n$ held, its budget is %s n$', r.id, h.amount_nano_usd, r.budget) END
    FROM (SELECT run_id, amount_nano_usd FROM metering_hold WHERE is_open) h
    FULL JOIN (SELECT id, max_total_tokens * price_nano_usd_per_token AS budget FROM runs_run
               WHERE status IN ('queued', 'running')) r ON r.id = h.run_id
    WHERE r.id IS NULL OR h.run_id IS NULL OR r.budget <> h.amount_nano_usd ORDER BY 1"""

# The last frame's counters, as the node sealed them. Not cast whole: its text may hold what jsonb cannot. The counters
# come before any text of a model or a user.
USAGE_IS_THE_LOG = r"""
    SELECT format('run %s: billed %s + %s tokens, its log counts %s', u.run_id, u.prompt_tokens, u.completion_tokens,
                  coalesce((l.usage->>'prompt_tokens') || ' + ' || (l.usage->>'completion_tokens'), 'nothing'))
    FROM metering_usagerecord u
    LEFT JOIN runs_run r ON r.id = u.run_id
    LEFT JOIN LATERAL (SELECT substring(t.frame from '"usage":(\{[^{}]*\})')::json AS usage FROM runs_traceevent t
                       WHERE t.run_id = r.id AND t.seq = r.last_seq AND t.is_terminal) l ON true
    WHERE (u.prompt_tokens, u.completion_tokens, u.tool_result_tokens, u.reasoning_tokens) IS DISTINCT FROM
          (coalesce((l.usage->>'prompt_tokens')::bigint, 0), coalesce((l.usage->>'completion_tokens')::bigint, 0),
           coalesce((l.usage->>'tool_result_tokens')::bigint, 0), coalesce((l.usage->>'reasoning_tokens')::bigint, 0))
    ORDER BY u.run_id"""


@dataclass(kw_only=True)
class ProofLine:
    """One of the four. `note` is what the reader should know of its reach."""

    name: Literal["entries", "holds", "usage", "cash"]
    state: State = "holds"
    num_covered: int = 0
    wall_ms: int = 0
    first_difference: str = ""
    note: str = ""
    sums_nano_usd: dict[str, int] = field(default_factory=dict)  # the figures that are equal when it holds

    def differs(self, claim: str, difference: str) -> None:
        if self.state != "broken":
            self.state, self.first_difference = "broken", f"{claim}: {difference}"


def proof_read() -> list[ProofLine]:
    """All four lines, checked now."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:  # inside somebody's transaction the snapshot is theirs
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        lines = [_timed(check, cursor) for check in (_entries, _holds, _usage)]
    _timed(_node_journals, lines[2])
    return [*lines, _timed(_cash, None)]


def stripe_reading_ask(lines: list[ProofLine]) -> None:
    """Wakes the worker to read Stripe where its line waits for a reading: at first, and after an outage."""
    if any(line.name == "cash" and line.state == "unchecked" for line in lines) and settings.STRIPE_API_KEY:
        enqueue(TASK_RECONCILE)


def proof_alarm() -> None:
    """The proof as a tick: what does not hold is an error in the log, once a tick until it is mended."""
    lines = proof_read()
    stripe_reading_ask(lines)
    for line in lines:
        if line.state == "broken":
            log.error("proof.broken", line=line.name, first_difference=line.first_difference)
    if all(line.state != "broken" for line in lines):
        heartbeat("proof")


def _timed(check: Callable[[Any], ProofLine], subject: Any) -> ProofLine:
    started = time.perf_counter()
    line = check(subject)
    line.wall_ms += round((time.perf_counter() - started) * 1000)
    return line


def _claims_check(cursor: Any, line: ProofLine, claims: Iterable[tuple[str, str]]) -> None:
    for claim, query in claims:
        cursor.execute(query)
        if (found := cursor.fetchone()) is not None:
            line.differs(claim, found[0])


def _entries(cursor: Any) -> ProofLine:
    line = ProofLine(name="entries")
    cursor.execute("SELECT count(*), coalesce(sum(amount_nano_usd), 0)::bigint FROM metering_ledgerentry")
    line.num_covered, total = cursor.fetchone()
    line.sums_nano_usd = {"entries": total}
    # The single transaction is named first: it says where to look, the sum only that there is something.
    claims = ("each transaction sums to 0", *(name for name in ENTRIES_CLAIMS if name != "each transaction sums to 0"))
    _claims_check(cursor, line, [(name, CLAIMS[name]) for name in claims])
    return line


def _holds(cursor: Any) -> ProofLine:
    line = ProofLine(name="holds")
    cursor.execute("SELECT count(*), coalesce(sum(amount_nano_usd), 0)::bigint FROM metering_hold WHERE is_open")
    line.num_covered, held = cursor.fetchone()
    cursor.execute(
        "SELECT coalesce(sum(max_total_tokens * price_nano_usd_per_token), 0)::bigint FROM runs_run"
        " WHERE status IN ('queued', 'running')"
    )
    line.sums_nano_usd = {"holds": held, "live_runs": cursor.fetchone()[0]}
    _claims_check(cursor, line, [("a hold is a live run's budget", HOLDS_ARE_LIVE_RUNS)])
    _claims_check(cursor, line, [(name, CLAIMS[name]) for name in HOLDS_CLAIMS])
    return line


def _usage(cursor: Any) -> ProofLine:
    line = ProofLine(name="usage")
    cursor.execute("SELECT count(*) FROM metering_usagerecord")
    (line.num_covered,) = cursor.fetchone()
    _claims_check(
        cursor,
        line,
        [
            ("usage is what the run's log counts", USAGE_IS_THE_LOG),
            ("cost is tokens times price", CLAIMS["cost is tokens times price"]),
        ],
    )
    return line


# --- The nodes' own journals


def _node_journals(line: ProofLine) -> ProofLine:
    notes = []
    for address in node_addresses_load().values():
        try:
            num_runs, num_foreign = _node_compare(address, line)
        except (NodeUnreachable, NodeRefused) as error:
            notes.append(f"{address.name} was not asked: {error}")
            continue
        foreign = f", and {num_foreign} that are not ours" if num_foreign else ""
        notes.append(f"{address.name}'s own journal: {num_runs} runs{foreign}")
    line.note = "; ".join(notes)
    return line


def _node_compare(address: NodeAddress, line: ProofLine) -> tuple[int, int]:
    """Compares every billed run of the node's journal; returns how many, and how many rows name no run of ours."""
    after = num_runs = num_foreign = 0
    for _ in range(NODE_PAGES_MAX):
        rows = asyncio.run(_rows_read(address, after))
        if not rows:
            break
        after = rows[-1].position
        ids = [row.run_id for row in rows]
        epochs = dict(Run.objects.filter(id__in=ids).values_list("id", "epoch"))
        records = UsageRecord.objects.filter(run_id__in=ids, is_billable=True).in_bulk()
        for row in rows:
            num_foreign += row.run_id not in epochs
            record = records.get(row.run_id)
            if record is not None and row.epoch == epochs.get(row.run_id):
                num_runs += 1
                _row_compare(address.name, row, record, line)
    return num_runs, num_foreign


async def _rows_read(address: NodeAddress, after: int) -> list[UsageRow]:
    try:
        return await NodeClient(address).usage_rows(after=after)
    finally:
        await sessions_close()  # this loop is the call's own


def _row_compare(node_name: str, row: UsageRow, record: UsageRecord, line: ProofLine) -> None:
    for name in COUNTERS:
        counted, billed = getattr(row.usage, name), getattr(record, name)
        if counted != billed:
            line.differs(
                "usage is what the node counted",
                f"run {row.run_id}: billed {billed} {name.replace('_', ' ')}, {node_name}'s journal counts {counted}",
            )


# --- Stripe


def _cash(_: None) -> ProofLine:
    read = reconciliation_read()
    line = ProofLine(name="cash", num_covered=read.num_compared)
    line.sums_nano_usd = {"ledger": read.ledger_nano_usd, "stripe": read.stripe_nano_usd}
    notes = []
    if not read.is_configured:
        line.state = "unchecked"
        notes.append("no payments are taken here: Stripe is not connected")
    elif read.read_until is None or read.is_stale:
        line.state = "unchecked"
        notes.append("Stripe's movements are being read")
    if read.read_until is not None:
        notes.append(f"Stripe's movements are known up to {read.read_until:%Y-%m-%d %H:%M} UTC")
    if read.num_waiting:
        notes.append(f"{read.num_waiting} are too young to compare")
    if read.outbox.alarm:
        notes.append(read.outbox.alarm)
    if read.first_difference:
        line.differs("cash is what Stripe moved", read.first_difference)
    line.note = "; ".join(notes)
    return line
