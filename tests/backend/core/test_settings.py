"""Settings: production passes Django's own deployment check; a bad value stops the start with its name and value."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "SVEND_SECRET_KEY": "Kq8-Zt3_production-like-and-long-enough-0f9a8b7c6d5e4f3a2b1c0d",
    "SVEND_ALLOWED_HOSTS": "svend.example",
    "DATABASE_URL": "postgres://svend:secret@db.example:5432/svend",
    "REDIS_URL": "redis://valkey.example:6379/0",
    "EMAIL_URL": "smtp+tls://user:secret@mail.example:587",
}


def manage(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in {**PRODUCTION, **changes}.items() if value != "UNSET"}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment)


def test_production_settings_pass_the_deployment_check() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SVEND_SECRET_KEY", "UNSET", "SVEND_SECRET_KEY is not set"),
        ("SVEND_SECRET_KEY", "short", "5 characters"),
        ("DATABASE_URL", "UNSET", "DATABASE_URL is not set"),
        ("DATABASE_URL", "sqlite:///x.db", "'sqlite:///x.db'"),
        ("REDIS_URL", "UNSET", "REDIS_URL is not set"),
        ("REDIS_URL", "http://x", "'http://x'"),
        ("SVEND_PORT", "eighty", "'eighty'"),
        ("SVEND_LOCAL", "maybe", "'maybe'"),
        ("SVEND_NODES", "gpu1=http://x", "SVEND_NODES"),
        ("SVEND_ALLOWED_HOSTS", "*", "'*'"),
        ("SVEND_LOG_LEVEL", "loud", "'LOUD'"),
        ("DEBUG", "1", "DEBUG=1"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name(name: str, value: str, said: str) -> None:
    done = manage("check", **{name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert said in done.stderr


def test_the_browser_may_send_pieces_to_the_bucket_and_nowhere_else() -> None:
    script = "from django.conf import settings; print(settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['connect-src'])"
    done = manage("shell", "-c", script, SVEND_ARTIFACTS="s3://bucket/prefix", SVEND_S3_ENDPOINT="https://s3.example")
    assert "[\"'self'\", 'https://s3.example']" in done.stdout, done.stdout + done.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run")


def test_the_schema_is_complete(tmp_path: Path) -> None:
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    assert "/api/usage/summary" in (tmp_path / "schema.yaml").read_text()
