"""docker/compose.yml: valid by the Compose specification's own schema, and as tight as the page says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.pages import ROOT, block_named

COMPOSE = ROOT / "docker" / "compose.yml"
OURS = ("web", "worker", "beat", "migrate", "node")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def test_it_is_valid_by_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_starts_what_the_product_consists_of(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*OURS, "postgres", "valkey", "caddy"}


def test_no_secret_is_a_variable(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("SECRET", "PASSWORD", "DATABASE_URL", "NODES", "KEY", "EMAIL_URL")):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"


def test_ours_run_without_rights(compose: dict[str, Any]) -> None:
    for name in OURS:
        assert compose["services"][name]["cap_drop"] == ["ALL"], name
    for file in sorted((ROOT / "docker").glob("*.Dockerfile")):
        lines = file.read_text().splitlines()
        users = [line.split()[1] for line in lines if line.startswith("USER ")]
        assert users, file.name
        assert users[-1] not in {"root", "0"}, file.name


def test_only_the_front_door_is_open(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["caddy"]


def test_what_lasts_has_a_health_check(compose: dict[str, Any]) -> None:
    for name in ("postgres", "valkey", "web", "worker", "beat"):
        assert "healthcheck" in compose["services"][name], name
    for file in (ROOT / "docker").glob("node*.Dockerfile"):
        assert "HEALTHCHECK" in file.read_text(), file.name


def test_the_page_makes_every_secret_that_compose_reads(compose: dict[str, Any], tmp_path: Path) -> None:
    (command,) = block_named("docs/deploy/own-box.md", "secrets").commands
    folder = tmp_path / "secrets"
    done = subprocess.run([*command.split(), str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert {path.name for path in folder.iterdir()} == wanted
    assert folder.stat().st_mode & 0o777 == 0o700
    again = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([*command.split(), str(folder)], cwd=ROOT, check=True, capture_output=True, timeout=30)
    assert {path.name: path.read_text() for path in folder.iterdir()} == again
    (node,) = json.loads(again["nodes"])
    assert node["secret"] == again["node_secret"]
    assert f"svend:{again['postgres_password']}@" in again["owner_database_url"]
    assert f"svend_app:{again['application_password']}@" in again["database_url"]


def test_only_the_migration_logs_in_as_the_tables_owner(compose: dict[str, Any]) -> None:
    owners = [
        name for name, service in compose["services"].items() if "owner_database_url" in service.get("secrets", [])
    ]
    assert owners == ["migrate"]
    (script,) = [text for text in compose["services"]["migrate"]["command"] if "manage.py" in text]
    assert "manage.py application_role svend_app --make --password-file /run/secrets/application_password" in script


def test_settings_read_secrets_from_files_and_drop_the_last_newline(tmp_path: Path) -> None:
    values = {
        "SVEND_SECRET_KEY": "k" * 60,
        "DATABASE_URL": "postgres://svend:pw@db.example:5432/svend",
        "SVEND_NODES": '[{"name": "n", "url": "http://node:8001", "secret": "s"}]',
    }
    env = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://valkey:6379/0", "SVEND_ALLOWED_HOSTS": "svend.example"}
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")
        env[f"{name}_FILE"] = str(tmp_path / name)
    program = (
        "import backend.settings as s; print(s.SECRET_KEY, s.DATABASES['default']['HOST'], s.SVEND_NODES[0]['name'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["k" * 60, "db.example", "n"], done.stderr
