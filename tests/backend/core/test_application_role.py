"""The database's guards, tried as the role that the product runs as: it works with rows and undoes no history."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from backend.accounts.models import Account
from backend.accounts.services import account_create, api_key_create
from backend.core.application_role import application_role_grant
from backend.metering.caps import account_cap_set
from backend.metering.ledger_check import ledger_check
from backend.metering.models import LedgerEntry
from backend.metering.services import UsageCounts, hold_place, price_set, run_settle
from tests.backend.conftest import MODEL, PRICE

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


# --- The same over a connection of its own: who logs in as the role has no other one to go back to


@pytest.fixture
def product(transactional_db: None) -> Iterator[psycopg.Connection]:
    """A session that logged in as the product's role, beside what the product wrote and committed."""
    price_set(model=MODEL, nano_usd_per_token=PRICE)
    run_paid(account_create(name="alice", owner=None), "run_history000")
    application_role_grant(ROLE, is_made_here=True)
    params = connection.get_connection_params()
    names = ("host", "port", "dbname")
    with psycopg.connect(**{name: params[name] for name in names}, user=ROLE, autocommit=True) as product:
        yield product


def test_who_logs_in_as_the_product_changes_no_history(product: psycopg.Connection) -> None:
    assert product.execute("SELECT session_user, current_user").fetchone() == (ROLE, ROLE)
    for reset in ("RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT"):
        product.execute(reset)
    assert product.execute("SELECT current_user").fetchone() == (ROLE,)
    for table in APPEND_ONLY:
        column = "run_id" if table == "metering_usagerecord" else "id"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            assert product.execute(f"SELECT count(*) > 0 FROM {table}").fetchone() == (True,)
            with pytest.raises(psycopg.DatabaseError, match="append-only"):
                product.execute(statement)
    for table in APPEND_ONLY:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            product.execute(f"TRUNCATE {table} CASCADE")
    assert ledger_check().is_sound


@pytest.mark.parametrize("amounts", [(1,), (5, -4), (-7, 3, 3)])
def test_who_logs_in_as_the_product_commits_nothing_unbalanced(
    product: psycopg.Connection, amounts: tuple[int, ...]
) -> None:
    before = product.execute("SELECT count(*), max(id) FROM metering_ledgerentry").fetchone()
    with pytest.raises(psycopg.errors.CheckViolation, match="not to 0"), product.transaction():
        (written,) = product.execute(
            "INSERT INTO metering_ledgertransaction (kind, source, run_id, actor, reason, created_at)"
            " VALUES ('grant', 'grant:forged', '', 'mallory', '', now()) RETURNING id"
        ).fetchone() or (0,)
        for amount in amounts:
            product.execute(
                "INSERT INTO metering_ledgerentry (transaction_id, ledger_account_id, amount_nano_usd)"
                " SELECT %s, min(id), %s FROM metering_ledgeraccount",
                [written, amount],
            )
        # All is written; the commit refuses.
    assert product.execute("SELECT count(*), max(id) FROM metering_ledgerentry").fetchone() == before
    assert product.execute("SELECT count(*) FROM metering_ledgertransaction WHERE actor = 'mallory'").fetchone() == (0,)
    assert ledger_check().is_sound


def test_the_command_makes_the_role_with_the_password_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "application_password"
    file.write_text("")
    with pytest.raises(CommandError, match="is empty"):
        call_command("application_role", ROLE, make=True, password_file=file)
    file.write_text("it's a secret\n")
    call_command("application_role", ROLE, make=True, password_file=file, stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = %s", [ROLE])
        assert cursor.fetchone() == (True,)
