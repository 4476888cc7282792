"""What the database itself refuses, whoever asks: changed history, unbalanced books, free tokens, debts."""

import pytest
from django.db import DatabaseError, connection, transaction

from backend.accounts.models import Account
from backend.metering.models import Balance, LedgerEntry, LedgerTransaction, Price, UsageRecord
from backend.metering.services import UsageCounts, hold_place, price_read, price_set, run_settle
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db


def sql(statement: str, *args: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, args)


@pytest.fixture
def _history(account: Account, price: int) -> None:
    hold_place(run_id="run_history0", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=10)
    run_settle(run_id="run_history0", usage=UsageCounts(prompt_tokens=1, completion_tokens=2), is_billable=True)


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize("model", [Price, LedgerTransaction, LedgerEntry, UsageRecord])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}={}", "DELETE FROM {}"])
def test_history_cannot_be_changed(model: type, statement: str) -> None:
    table, column = model._meta.db_table, model._meta.pk.column
    assert model.objects.exists()
    with pytest.raises(DatabaseError, match="append-only"):
        sql(statement.format(table, column, column))


def test_a_transaction_must_sum_to_zero(account: Account) -> None:
    entry = LedgerEntry.objects.first()
    assert entry is not None
    with pytest.raises(DatabaseError, match="not to 0"):
        sql(
            "INSERT INTO metering_ledgerentry (transaction_id, ledger_account_id, amount_nano_usd) VALUES (%s, %s, 1);"
            "SET CONSTRAINTS ALL IMMEDIATE",
            entry.transaction_id,
            entry.ledger_account_id,
        )


def test_a_balance_cannot_go_below_its_limit(account: Account) -> None:
    with pytest.raises(DatabaseError, match="balance_within_limit"):
        sql("UPDATE metering_balance SET available_nano_usd = -1")
    Balance.objects.update(credit_limit_nano_usd=5)
    sql("UPDATE metering_balance SET available_nano_usd = -5")


@pytest.mark.parametrize("amount", [0, -1])
def test_a_price_is_above_zero(db: None, amount: int) -> None:
    with pytest.raises(DatabaseError, match="price_above_zero"), transaction.atomic():
        Price.objects.create(model=MODEL, nano_usd_per_token=amount)


def test_a_new_price_is_a_new_row_and_open_holds_keep_theirs(account: Account, price: int) -> None:
    hold_place(run_id="run_oldprice", account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=10)
    assert price_set(model=MODEL, nano_usd_per_token=PRICE + 1)
    assert not price_set(model=MODEL, nano_usd_per_token=PRICE + 1)
    assert price_read(MODEL) == PRICE + 1
    usage = UsageCounts(prompt_tokens=1, completion_tokens=1)
    assert run_settle(run_id="run_oldprice", usage=usage, is_billable=True).cost_nano_usd == 2 * PRICE
