"""Any order of grants, holds, settlements and repeats keeps the books sound, checked against a model of a few lines."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from backend.accounts.services import account_create
from backend.core.ids import run_id_make
from backend.metering.ledger_check import ledger_check
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


class Books(RuleBasedStateMachine):
    open_runs = Bundle("open_runs")
    closed_runs = Bundle("closed_runs")

    def __init__(self) -> None:
        super().__init__()
        self.account = account_create(name="model", owner=None)
        self.free = balance_read(self.account.id).available_nano_usd
        self.held: dict[str, int] = {}
        self.num_grants = 0

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
            assert self.free < PRICE
            return ""
        assert held.max_total_tokens == min(tokens, self.free // PRICE)
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

    @invariant()
    def books_are_sound(self) -> None:
        balance = balance_read(self.account.id)
        assert (balance.available_nano_usd, balance.held_nano_usd) == (self.free, sum(self.held.values()))

    def teardown(self) -> None:
        report = ledger_check()
        assert report.is_sound, report.problems


@pytest.mark.django_db
def test_the_books_are_sound_in_any_order() -> None:
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
            max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
