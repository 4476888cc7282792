"""A run's money: holds never overdraw, settlements happen once, everything sums to zero."""

import threading

import pytest
from django.db import connection

from backend.accounts.models import Account, ApiKey, User
from backend.accounts.services import account_create, api_key_create
from backend.core.errors import NotFound
from backend.core.ids import run_id_make
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Hold, UsageRecord
from backend.metering.services import (
    HOLD_AGE_MAX,
    TRIAL_GRANT_NANO_USD,
    HoldPlaced,
    InsufficientFunds,
    ModelNotPriced,
    RunIdTaken,
    UsageCounts,
    balance_read,
    credit_grant,
    hold_place,
    holds_sweep,
    run_settle,
)
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db


def place(account: Account, *, tokens: int = 1_000, run_id: str | None = None, **fields: object) -> HoldPlaced:
    fields = {"api_key_id": None, "model": MODEL, **fields}
    return hold_place(run_id=run_id or run_id_make(), account_id=account.id, bound_tokens=tokens, **fields)


def settle(run_id: str, *, tokens: int = 100, is_billable: bool = True) -> UsageRecord:
    usage = UsageCounts(prompt_tokens=tokens // 2, completion_tokens=tokens - tokens // 2)
    return run_settle(run_id=run_id, usage=usage, is_billable=is_billable)


def assert_sound() -> None:
    report = ledger_check()
    assert report.is_sound, report.problems


def test_a_hold_sets_the_bound_aside(account: Account, price: int) -> None:
    hold = place(account, tokens=1_000)
    assert (hold.max_total_tokens, hold.amount_nano_usd) == (1_000, 3_000_000)
    balance = balance_read(account.id)
    assert balance.held_nano_usd == 3_000_000
    assert balance.available_nano_usd == TRIAL_GRANT_NANO_USD - 3_000_000
    assert_sound()


def test_a_small_balance_gets_a_small_budget_instead_of_a_refusal(account: Account, price: int) -> None:
    assert place(account, tokens=5_000_000).max_total_tokens == TRIAL_GRANT_NANO_USD // PRICE


def test_no_money_is_refused_with_what_is_affordable(account: Account, price: int) -> None:
    place(account, tokens=5_000_000)
    with pytest.raises(InsufficientFunds) as refused:
        place(account, min_tokens=10)
    assert refused.value.affordable_tokens == (TRIAL_GRANT_NANO_USD % PRICE) // PRICE
    assert_sound()


def test_a_model_without_a_price_is_never_free(account: Account) -> None:
    with pytest.raises(ModelNotPriced):
        place(account, model="svend-13b")
    assert not Hold.objects.exists()


def test_the_same_run_holds_once(account: Account, price: int) -> None:
    first = place(account, tokens=700)
    again = place(account, tokens=900, run_id=first.run_id)
    assert again.is_repeated
    assert again.max_total_tokens == 700
    assert balance_read(account.id).held_nano_usd == 700 * PRICE


def test_another_accounts_run_id_is_refused(account: Account, other_account: Account, price: int) -> None:
    hold = place(account)
    with pytest.raises(RunIdTaken):
        place(other_account, run_id=hold.run_id)


def test_settling_charges_what_was_counted_and_gives_the_rest_back(account: Account, price: int) -> None:
    hold = place(account, tokens=1_000)
    record = settle(hold.run_id, tokens=123)
    assert record.cost_nano_usd == 123 * PRICE
    balance = balance_read(account.id)
    assert (balance.available_nano_usd, balance.held_nano_usd) == (TRIAL_GRANT_NANO_USD - 123 * PRICE, 0)
    assert_sound()


def test_settling_twice_charges_once_and_says_the_same(account: Account, price: int) -> None:
    hold = place(account)
    first, second = settle(hold.run_id, tokens=10), settle(hold.run_id, tokens=900)
    assert second.cost_nano_usd == first.cost_nano_usd == 10 * PRICE
    assert balance_read(account.id).total_nano_usd == TRIAL_GRANT_NANO_USD - 10 * PRICE
    assert_sound()


def test_our_fault_costs_nothing_and_is_booked_as_waste(account: Account, price: int) -> None:
    hold = place(account)
    assert settle(hold.run_id, tokens=50, is_billable=False).cost_nano_usd == 0
    assert balance_read(account.id).total_nano_usd == TRIAL_GRANT_NANO_USD
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(e.amount_nano_usd) FROM metering_ledgerentry e"
            " JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id WHERE a.kind = 'waste'"
        )
        assert cursor.fetchone()[0] == -50 * PRICE
    assert_sound()


def test_zero_tokens_are_a_value_not_a_gap(account: Account, price: int) -> None:
    hold = place(account)
    assert settle(hold.run_id, tokens=0).cost_nano_usd == 0
    assert balance_read(account.id).total_nano_usd == TRIAL_GRANT_NANO_USD
    assert_sound()


def test_counting_above_the_hold_costs_the_customer_the_hold_only(account: Account, price: int) -> None:
    hold = place(account, tokens=100)
    assert settle(hold.run_id, tokens=130).cost_nano_usd == 100 * PRICE
    assert balance_read(account.id).total_nano_usd == TRIAL_GRANT_NANO_USD - 100 * PRICE
    assert ledger_check().problems == [f"cost is tokens times price: run {hold.run_id}: {100 * PRICE} n$"]


def test_settling_without_a_hold_is_an_error(price: int) -> None:
    with pytest.raises(NotFound):
        settle("run_nobodyheldthis0000000")


def test_hold_and_settle_are_one_statement_each(account: Account, price: int, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        hold = place(account)
    with django_assert_num_queries(1):
        settle(hold.run_id)


def test_a_key_spends_up_to_its_monthly_cap(account: Account, price: int) -> None:
    key, _ = api_key_create(account_id=account.id, name="capped", monthly_cap_nano_usd=1_000 * PRICE)
    first = place(account, tokens=600, api_key_id=key.id)
    assert place(account, tokens=600, api_key_id=key.id).max_total_tokens == 400
    with pytest.raises(InsufficientFunds, match="monthly cap"):
        place(account, api_key_id=key.id)
    settle(first.run_id, tokens=100)
    assert place(account, tokens=600, api_key_id=key.id).max_total_tokens == 500
    key.refresh_from_db()
    assert key.last_used_model == MODEL
    assert_sound()


def test_the_sweep_frees_dead_runs_only(account: Account, price: int) -> None:
    dead, live, young = (place(account).run_id for _ in range(3))
    Hold.objects.exclude(run_id=young).update(created_at=Hold.objects.get(run_id=young).created_at - 2 * HOLD_AGE_MAX)
    assert holds_sweep(run_is_live=lambda run_id: run_id == live) == 1
    assert not Hold.objects.get(run_id=dead).is_open
    assert balance_read(account.id).held_nano_usd == 2 * 1_000 * PRICE
    assert_sound()


def test_a_trial_is_granted_once(account: Account) -> None:
    from backend.metering.services import trial_grant

    assert not trial_grant(account_id=account.id)
    assert balance_read(account.id).available_nano_usd == TRIAL_GRANT_NANO_USD


def _in_threads(num_threads: int, work: list[object], call) -> list[object]:
    """Calls `call(item)` for every item from many threads; returns results, exceptions included."""
    results: list[object] = []
    pending = iter(work)
    lock = threading.Lock()

    def loop() -> None:
        while True:
            with lock:
                item = next(pending, None)
            if item is None:
                break
            try:
                results.append(call(item))
            except InsufficientFunds as error:
                results.append(error)
        connection.close()

    threads = [threading.Thread(target=loop) for _ in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_a_thousand_concurrent_holds_never_overdraw_five_cents(price: int) -> None:
    five_cents = 50_000_000
    poor = account_create(name="poor", owner=None, is_local=True)
    credit_grant(account_id=poor.id, amount_nano_usd=five_cents, source="grant:poor", actor="tests", reason="race")

    results = _in_threads(10, [run_id_make() for _ in range(1_000)], lambda r: place(poor, tokens=100, run_id=r))

    placed = [r for r in results if isinstance(r, HoldPlaced)]
    assert len(results) == 1_000
    assert len(placed) == -(-five_cents // (100 * PRICE))  # the last one gets what is left
    assert sum(hold.amount_nano_usd for hold in placed) <= five_cents
    assert balance_read(poor.id).available_nano_usd >= 0
    records = _in_threads(10, placed + placed, lambda h: settle(h.run_id, tokens=h.max_total_tokens))
    charged = {record.run_id: record.cost_nano_usd for record in records}
    assert sum(charged.values()) <= five_cents
    balance = balance_read(poor.id)
    assert balance.held_nano_usd == 0
    assert balance.available_nano_usd == five_cents - sum(charged.values())
    assert_sound()


@pytest.mark.django_db(transaction=True)
def test_simultaneous_repeats_of_one_hold_are_one_hold(price: int) -> None:
    owner = User.objects.create_user("carol@example.org", "yet another battery")
    account = account_create(name="carol", owner=owner)
    key: ApiKey = api_key_create(account_id=account.id, name="k")[0]
    results = _in_threads(8, list(range(40)), lambda _: place(account, run_id="run_thesame00", api_key_id=key.id))
    assert sum(not hold.is_repeated for hold in results) == 1
    assert balance_read(account.id).held_nano_usd == 1_000 * PRICE
    assert_sound()
