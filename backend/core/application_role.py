"""The database role that the product runs as: it reads and writes rows, and owns nothing.

So what the triggers refuse stays refused: only a table's owner can drop or disable them, or truncate, and only a
superuser can switch them off for a session. Migrations run as the owner, everything else as this role. The
role's password is the database's administrator's to set, or is given (the embedded server trusts its loopback).
"""

from typing import Any, LiteralString

from django.db import connection, transaction
from psycopg import sql

ROW_RIGHTS = sql.SQL("SELECT, INSERT, UPDATE, DELETE")


@transaction.atomic
def application_role_grant(role: str, *, is_made_here: bool = False, password: str = "") -> None:
    """Gives the role its rights on everything that exists now; run by the tables' owner after each migration.

    `is_made_here` makes the role if it is missing; a `password` becomes the role's. Repeats change nothing.
    """
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        if is_made_here:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone() is None:
                _run(cursor, "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS", name)
        if password:
            _run(cursor, "ALTER ROLE {} PASSWORD {}", name, sql.Literal(password))
        _run(cursor, "GRANT USAGE ON SCHEMA public TO {}", name)
        _run(cursor, "GRANT {} ON ALL TABLES IN SCHEMA public TO {}", ROW_RIGHTS, name)
        _run(cursor, "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}", name)
        _run(cursor, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}", name)


def _run(cursor: Any, statement: LiteralString, *parts: sql.Composable) -> None:
    cursor.execute(sql.SQL(statement).format(*parts).as_string(None))
