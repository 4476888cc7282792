"""The page's backup and restore, run as they stand there on a real PostgreSQL: the restored ledger proves itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from backend.local import services
from tests.deploy.pages import ROOT, block_named

PAGE = "docs/deploy/own-box.md"
MINUTES_MAX = 2
NANO_USD = 1_000_000_000


def _run(commands: list[str], *, env: dict[str, str], folder: Path) -> str:
    """As a person would at a shell in `folder`; `python manage.py` is the project's."""
    script = "set -eu\n" + "\n".join(commands).replace("python manage.py", f"{sys.executable} {ROOT / 'manage.py'}")
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=MINUTES_MAX * 60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _env(url: str, data: Path) -> dict[str, str]:
    binaries = Path(services.postgres_binary("pg_dump")).parent
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "DATABASE_URL": url,
        "REDIS_URL": os.environ["REDIS_URL"],
        "SVEND_SECRET_KEY": "only-for-tests-" + "x" * 40,
        "SVEND_ALLOWED_HOSTS": "svend.example",
        "SVEND_DATA": str(data),
        "SVEND_ADMIN_EMAIL": "operator@svend.example",
        "SVEND_ADMIN_PASSWORD": "long enough to be let in",
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.extra
@pytest.mark.services
def test_a_restored_backup_is_the_same_and_adds_up(tmp_path: Path) -> None:
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        for name in ("backup_of", "restored_to"):
            admin.execute(f"DROP DATABASE IF EXISTS {name}")
            admin.execute(f"CREATE DATABASE {name}")
        try:
            _back_up_and_restore(server, tmp_path)
        finally:
            for name in ("backup_of", "restored_to"):
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _back_up_and_restore(server: str, tmp_path: Path) -> None:
    old, new = _env(f"{server}/backup_of", tmp_path / "old"), _env(f"{server}/restored_to", tmp_path / "new")
    for data in ("old", "new"):
        (tmp_path / data).mkdir()
    seed = ["migrate --noinput -v0", "seed_operator", "seed_models --no-probe"]
    _run([f"python manage.py {command}" for command in seed], env=old, folder=tmp_path)
    grant = (
        "python manage.py credit_grant operator@svend.example 5 --actor tests --reason 'found again' --source backup"
    )
    _run([grant], env=old, folder=tmp_path)
    before = json.loads(_run(["python manage.py ledger_check"], env=old, folder=tmp_path).splitlines()[-1])
    _run(block_named(PAGE, "backup").commands, env=old, folder=tmp_path)
    shown = _run(block_named(PAGE, "restore").commands, env=new, folder=tmp_path)
    after = json.loads(shown.splitlines()[-1])
    assert after["is_sound"]
    assert after == before
    assert _balances(f"{server}/restored_to") == _balances(f"{server}/backup_of") == [6 * NANO_USD]  # $1 trial + $5
    pieces = {path.name: path.read_bytes() for path in (tmp_path / "old/artifacts").rglob("*") if path.is_file()}
    assert pieces
    assert pieces == {p.name: p.read_bytes() for p in (tmp_path / "new/artifacts").rglob("*") if p.is_file()}


def _balances(url: str) -> list[int]:
    with psycopg.connect(url) as database:
        return [row[0] for row in database.execute("SELECT available_nano_usd FROM metering_balance")]
