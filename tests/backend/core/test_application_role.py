"""The database's guards, tried as the role that the product runs as: it works with rows and undoes no history."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from backend.accounts.models import Account
from backend.accounts.services import api_key_create
from backend.core.application_role import application_role_grant
from backend.metering.caps import account_cap_set
from backend.metering.ledger_check import ledger_check
from backend.metering.models import LedgerEntry
from backend.metering.services import UsageCounts, hold_place, run_settle
from tests.backend.conftest import MODEL

pytestmark = pytest.mark.django_db

ROLE = "svend_app_of_tests"
APPEND_ONLY = ("metering_ledgerentry", "metering_ledgertransaction", "metering_price", "metering_usagerecord")


def sql(statement: str, *args: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, args)


def run_paid(account: Account, run_id: str) -> None:
    hold_place(run_id=run_id, account_id=account.id, api_key_id=None, model=MODEL, bound_tokens=100)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=9, completion_tokens=0), is_billable=True)


@pytest.fixture
def _as_the_product(account: Account, price: int) -> Iterator[None]:
    application_role_grant(ROLE, is_made_here=True)
    application_role_grant(ROLE, is_made_here=True)  # again is harmless
    run_paid(account, "run_history000")
    sql(f"SET LOCAL ROLE {ROLE}")
    yield
    sql("RESET ROLE")


@pytest.mark.usefixtures("_as_the_product")
def test_the_product_is_no_superuser_and_owns_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)


@pytest.mark.usefixtures("_as_the_product")
def test_the_product_sells_and_caps_as_that_role(account: Account) -> None:
    account_cap_set(account_id=account.id, monthly_cap_nano_usd=10**9)
    api_key_create(account_id=account.id, name="ci")
    run_paid(account, "run_asrole0000")
    assert ledger_check().is_sound


@pytest.mark.usefixtures("_as_the_product")
@pytest.mark.parametrize("table", [*APPEND_ONLY, "core_auditentry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_history_is_not_changed(table: str, statement: str) -> None:
    column = "run_id" if table == "metering_usagerecord" else "id"
    with pytest.raises(DatabaseError, match="append-only"):
        sql(statement.format(table, column, column))


@pytest.mark.usefixtures("_as_the_product")
def test_a_transaction_must_sum_to_zero() -> None:
    entry = LedgerEntry.objects.latest("id")
    with pytest.raises(DatabaseError, match="not to 0"):
        sql(
            "INSERT INTO metering_ledgerentry (transaction_id, ledger_account_id, amount_nano_usd) VALUES (%s, %s, 1);"
            "SET CONSTRAINTS ALL IMMEDIATE",
            entry.transaction_id,
            entry.ledger_account_id,
        )


@pytest.mark.usefixtures("_as_the_product")
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE metering_ledgerentry",
        "ALTER TABLE metering_ledgerentry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledgerentry_append_only ON metering_ledgerentry",
        "DROP TABLE metering_ledgerentry CASCADE",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION metering_refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
    ],
)
def test_no_guard_is_switched_off(statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"must be owner|permission denied"):
        sql(statement)
