"""Payments in the ledger: each fact once, debts first, and what a paused account may."""

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from backend.accounts.models import Account
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, Hold
from backend.metering.payments import (
    Kind,
    Movement,
    NotEnoughCredit,
    credit_limit_set,
    money_in,
    money_out,
    owed_read,
    paid_unspent_read,
    pause_set,
)
from backend.metering.services import TRIAL_GRANT_NANO_USD, AccountPaused, balance_read, hold_place
from tests.backend.conftest import MODEL

pytestmark = pytest.mark.django_db

DOLLAR = 1_000_000_000


def movement(account: Account, kind: Kind, dollars: int, *, tax: int = 0, source: str = "") -> Movement:
    return Movement(
        kind=kind,
        source=source or f"{kind.value}:one",
        account_id=account.id,
        total_nano_usd=dollars * DOLLAR,
        tax_nano_usd=tax,
        actor="tests",
        reason="a test",
    )


def available(account: Account) -> int:
    return balance_read(account.id).available_nano_usd


def test_money_in_is_booked_once_and_tax_stays_apart(account: Account) -> None:
    paid = movement(account, Kind.TOPUP, 12, tax=2 * DOLLAR)
    assert [money_in(paid), money_in(paid)] == [True, False]
    assert available(account) == TRIAL_GRANT_NANO_USD + 10 * DOLLAR
    assert paid_unspent_read(account.id) == 10 * DOLLAR
    assert ledger_check().problems == []


def test_a_refund_is_covered_or_refused(account: Account) -> None:
    money_in(movement(account, Kind.TOPUP, 10))
    with pytest.raises(NotEnoughCredit):
        money_out(movement(account, Kind.REFUND, 12), must_be_covered=True)
    back = movement(account, Kind.REFUND, 4)
    assert [money_out(back, must_be_covered=True) for _ in range(2)] == [True, False]
    assert available(account) == TRIAL_GRANT_NANO_USD + 6 * DOLLAR
    assert ledger_check().problems == []


def test_what_a_chargeback_takes_beyond_the_credit_is_owed_and_paid_first(account: Account) -> None:
    money_in(movement(account, Kind.TOPUP, 10, source="topup:first"))
    money_out(movement(account, Kind.DISPUTE, 15), must_be_covered=False)
    assert (available(account), owed_read(account.id)) == (0, 4 * DOLLAR)  # $11 with the trial
    money_in(movement(account, Kind.TOPUP, 3, source="topup:second"))
    assert (available(account), owed_read(account.id)) == (0, 1 * DOLLAR)
    money_in(movement(account, Kind.TOPUP, 3, source="topup:third"))
    assert (available(account), owed_read(account.id)) == (2 * DOLLAR, 0)
    assert ledger_check().problems == []


def test_a_paused_account_holds_nothing_from_its_moment_on(account: Account, price: int) -> None:
    now = dt.datetime.now(dt.UTC)
    pause_set(account_id=account.id, paused_from=now + dt.timedelta(days=7), reason="later")
    hold_place(run_id="run_beforeit0", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=10)
    pause_set(account_id=account.id, paused_from=now - dt.timedelta(seconds=1), reason="Invoice 7 is not paid.")
    with pytest.raises(AccountPaused, match="This account is paused: Invoice 7 is not paid"), transaction.atomic():
        hold_place(run_id="run_afterit00", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=10)
    with pytest.raises(DatabaseError, match="not paid"), transaction.atomic():  # whoever asks
        Hold.objects.create(
            run_id="run_byhand000",
            account=account,
            model=MODEL,
            price_nano_usd_per_token=1,
            max_total_tokens=1,
            amount_nano_usd=1,
            month=now.date(),
        )
    pause_set(account_id=account.id, paused_from=None, reason="")
    hold_place(run_id="run_again0000", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=10)


def test_a_credit_limit_never_forbids_the_debt_that_is_there(account: Account) -> None:
    assert credit_limit_set(account_id=account.id, limit_nano_usd=5 * DOLLAR) == 5 * DOLLAR
    Balance.objects.filter(account=account).update(available_nano_usd=-3 * DOLLAR)
    assert credit_limit_set(account_id=account.id, limit_nano_usd=0) == 3 * DOLLAR
