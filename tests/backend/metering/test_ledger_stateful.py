"""Any order of grants, holds, settlements, payments, refunds and disputes, with repeats, keeps the books sound.

Checked against a model of a few lines: what is free, held and owed, and the credit limit.
"""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from backend.accounts.services import account_create
from backend.core.ids import run_id_make
from backend.metering.ledger_check import ledger_check
from backend.metering.payments import (
    Kind,
    Movement,
    NotEnoughCredit,
    credit_limit_set,
    money_in,
    money_out,
    owed_read,
)
from backend.metering.services import (
    InsufficientFunds,
    UsageCounts,
    balance_read,
    credit_grant,
    hold_place,
    price_set,
    run_settle,
)
from tests.backend.conftest import MODEL, PRICE

PAID_BY = st.sampled_from([Kind.TOPUP, Kind.METERED])
AMOUNTS = st.integers(1, 10**10)


class Books(RuleBasedStateMachine):
    open_runs = Bundle("open_runs")
    closed_runs = Bundle("closed_runs")
    payments = Bundle("payments")
    disputes = Bundle("disputes")

    def __init__(self) -> None:
        super().__init__()
        self.account = account_create(name="model", owner=None)
        self.free = balance_read(self.account.id).available_nano_usd
        self.held: dict[str, int] = {}
        self.owed = 0
        self.limit = 0
        self.num_grants = 0
        self.num_movements = 0

    @rule(amount=st.integers(1, 10**10))
    def grant(self, amount: int) -> None:
        self.num_grants += 1
        source = f"grant:{self.account.id}:{self.num_grants}"
        for is_first in (True, False):
            given = credit_grant(
                account_id=self.account.id, amount_nano_usd=amount, source=source, actor="model", reason="any"
            )
            assert given is is_first
        self.free += amount

    @rule(target=open_runs, tokens=st.integers(1, 1_000_000))
    def hold(self, tokens: int) -> str:
        run_id = run_id_make()
        try:
            held = hold_place(
                run_id=run_id, account_id=self.account.id, api_key_id=None, model=MODEL, bound_tokens=tokens
            )
        except InsufficientFunds:
            assert self.free + self.limit < PRICE
            return ""
        assert held.max_total_tokens == min(tokens, (self.free + self.limit) // PRICE)
        self.held[run_id] = held.amount_nano_usd
        self.free -= held.amount_nano_usd
        return run_id

    @rule(target=closed_runs, run_id=consumes(open_runs), share=st.integers(0, 100), is_billable=st.booleans())
    def settle(self, run_id: str, share: int, is_billable: bool) -> str:
        if not run_id:
            return ""
        held = self.held.pop(run_id)
        tokens = held // PRICE * share // 100
        usage = UsageCounts(prompt_tokens=tokens // 3, completion_tokens=tokens - tokens // 3)
        cost = run_settle(run_id=run_id, usage=usage, is_billable=is_billable).cost_nano_usd
        assert cost == (tokens * PRICE if is_billable else 0)
        self.free += held - cost
        return run_id

    @rule(run_id=closed_runs, tokens=st.integers(0, 1_000))
    def settle_again(self, run_id: str, tokens: int) -> None:
        if run_id:
            run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=tokens, completion_tokens=0), is_billable=True)

    def _movement(self, kind: Kind, total: int, tax: int) -> Movement:
        self.num_movements += 1
        return Movement(
            kind=kind,
            source=f"{kind.value}:{self.account.id}:{self.num_movements}",
            account_id=self.account.id,
            total_nano_usd=total,
            tax_nano_usd=tax,
            actor="model",
            reason="any",
        )

    def _comes_in(self, movement: Movement) -> None:
        assert [money_in(movement), money_in(movement)] == [True, False]
        net = movement.total_nano_usd - movement.tax_nano_usd
        pays = min(self.owed, net)
        self.owed -= pays
        self.free += net - pays

    @rule(target=payments, kind=PAID_BY, total=AMOUNTS, tax_percent=st.integers(0, 30))
    def pay(self, kind: Kind, total: int, tax_percent: int) -> tuple[int, int]:
        tax = total * tax_percent // 100
        self._comes_in(self._movement(kind, total, tax))
        return total, tax

    @rule(payment=payments, share=st.integers(1, 100))
    def refund(self, payment: tuple[int, int], share: int) -> None:
        total, tax = (part * share // 100 for part in payment)
        if total <= tax:
            return
        movement = self._movement(Kind.REFUND, total, tax)
        if total - tax > max(self.free, 0):
            with pytest.raises(NotEnoughCredit):
                money_out(movement, must_be_covered=True)
            return
        assert [money_out(movement, must_be_covered=True) for _ in range(2)] == [True, False]
        self.free -= total - tax
        if share % 2:  # the bank does not take it
            self._comes_in(self._movement(Kind.REFUND_REVERSAL, total, tax))

    @rule(target=disputes, payment=payments)
    def dispute(self, payment: tuple[int, int]) -> tuple[int, int]:
        movement = self._movement(Kind.DISPUTE, *payment)
        assert [money_out(movement, must_be_covered=False) for _ in range(2)] == [True, False]
        net = movement.total_nano_usd - movement.tax_nano_usd
        takes = min(max(self.free, 0), net)
        self.free -= takes
        self.owed += net - takes
        return payment

    @rule(dispute=consumes(disputes))
    def dispute_won(self, dispute: tuple[int, int]) -> None:
        self._comes_in(self._movement(Kind.DISPUTE_REVERSAL, *dispute))

    @rule(limit=st.integers(0, 10**9))
    def credit_limit(self, limit: int) -> None:
        self.limit = credit_limit_set(account_id=self.account.id, limit_nano_usd=limit)
        assert self.limit == max(limit, -self.free)

    @invariant()
    def books_are_sound(self) -> None:
        assert owed_read(self.account.id) == self.owed
        balance = balance_read(self.account.id)
        assert (balance.available_nano_usd, balance.held_nano_usd) == (self.free, sum(self.held.values()))

    def teardown(self) -> None:
        report = ledger_check()
        assert report.is_sound, report.problems


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("num_examples", "num_steps"),
    [
        pytest.param(60, 30, id="short"),
        pytest.param(1_000, 50, id="long", marks=[pytest.mark.extra, pytest.mark.timeout(3_600)]),
    ],
)
def test_the_books_are_sound_in_any_order(num_examples: int, num_steps: int) -> None:
    price_set(model=MODEL, nano_usd_per_token=PRICE)

    class Rollback(Exception):
        pass

    class Isolated(Books):
        def __init__(self) -> None:
            self.scope = transaction.atomic()
            self.scope.__enter__()
            super().__init__()

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                self.scope.__exit__(Rollback, Rollback(), None)

    run_state_machine_as_test(
        Isolated,
        settings=settings(
            max_examples=num_examples,
            stateful_step_count=num_steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
