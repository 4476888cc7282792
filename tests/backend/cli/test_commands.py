"""The operator's commands against the real API: what they print, with which exit status, and the cure of a refusal."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from backend.accounts.models import Account, User
from backend.accounts.services import api_key_create
from backend.cli.api import CliError
from backend.cli.main import app
from backend.metering.services import price_set
from backend.model_registry.models import ModelVersion, Promotion
from backend.model_registry.services import DEFAULT_ALIAS, model_promote, snapshot_forget
from tests.backend.model_registry.cast import node_says, version_of

Svend = Callable[..., Result]


@pytest.fixture
def served(transactional_db: None, settings) -> ModelVersion:
    settings.SVEND_NODES = []
    old = version_of("old", rights={"algebra": 40, "logic": 40})
    version_of("better", rights={"algebra": 45, "logic": 47})
    version_of("worse", rights={"algebra": 10, "logic": 20})
    price_set(model="old", nano_usd_per_token=3_000)
    model_promote(alias=DEFAULT_ALIAS, version=old, reason="the first")
    node_says(settings, "one", ["old", "better", "worse"])
    snapshot_forget()
    return old


@pytest.fixture
def operator(served: ModelVersion) -> User:
    return User.objects.create_user("operator@example.org", "correct horse battery", is_staff=True)


def svend_with(raw_key: str, url: str, monkeypatch: pytest.MonkeyPatch) -> Svend:
    monkeypatch.setenv("SVEND_URL", url)
    monkeypatch.setenv("SVEND_API_KEY", raw_key)
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def svend(account: Account, operator: User, live_server, monkeypatch: pytest.MonkeyPatch) -> Svend:
    scopes = ["admin", "jobs"]
    _, raw = api_key_create(account_id=account.id, name="cli", scopes=scopes, created_by_id=operator.pk)
    return svend_with(raw, live_server.url, monkeypatch)


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(result: Result) -> CliError:
    assert isinstance(result.exception, CliError), (result.output, result.exception)
    return result.exception


def test_models_lists_what_there_is(svend: Svend) -> None:
    models = {model["id"]: model for model in lines(svend("models", "--json"))}
    assert models["old"]["aliases"] == [DEFAULT_ALIAS]
    assert models["better"]["staff"]["reports"][0]["right"] == 92
    assert "better" in svend("models").stdout


def test_promote_audit_and_roll_back(svend: Svend, operator: User) -> None:
    assert svend("gates", "better").exit_code == 0
    (promotion,) = lines(svend("promote", "better", "--reason", "clearly better", "--json"))
    assert (promotion["state"], promotion["promoted_by"]) == ("effective", operator.email)
    (back,) = lines(svend("rollback", "--reason", "complaints", "--json"))
    assert (back["model"], back["is_rollback"]) == ("old", True)
    audit = lines(svend("promotions", "--json"))
    assert [(one["model"], one["reason"]) for one in audit][:2] == [("old", "complaints"), ("better", "clearly better")]
    assert "complaints" in svend("promotions").stdout


def test_a_refused_promotion_names_gate_and_cure(svend: Svend) -> None:
    gates = svend("gates", "worse")
    assert gates.exit_code == 1
    assert "Clearly worse" in gates.stdout
    error = refused(svend("promote", "worse", "--reason", "I like it"))
    assert "Clearly worse" in str(error)
    assert "svend gates" in error.cure
    assert Promotion.objects.count() == 1


def test_compare_says_what_is_worse(svend: Svend) -> None:
    (found,) = lines(svend("compare", "old", "worse", "--json"))
    assert {row["name"]: row["verdict"] for row in found["families"]} == {"algebra": "worse", "logic": "worse"}
    assert "algebra" in svend("compare", "old", "worse").stdout


def test_a_training_is_queued_listed_and_cancelled(svend: Svend) -> None:
    (job,) = lines(svend("train", "--num-steps", "100", "--name", "quick", "--priority", "3", "--json"))
    assert (job["status"], job["spec"]["num_steps"], job["priority"]) == ("queued", 100, 3)
    (listed,) = lines(svend("jobs", "--json"))
    assert listed["id"] == job["id"]
    assert job["id"] in svend("jobs", "show", job["id"]).stdout
    (cancelled,) = lines(svend("jobs", "cancel", job["id"], "--json"))
    assert cancelled["status"] == "cancelled"
    assert svend("jobs", "follow", job["id"]).exit_code == 1


def test_nodes_are_listed_and_cordoned(svend: Svend) -> None:
    (node,) = lines(svend("nodes", "--json"))
    assert node["name"] == "one"
    (cordoned,) = lines(svend("nodes", "cordon", "one", "--json"))
    assert cordoned["is_cordoned"]


def test_a_key_without_the_scope_is_told_what_it_lacks(
    served: ModelVersion, account: Account, live_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, raw = api_key_create(account_id=account.id, name="theirs")
    svend = svend_with(raw, live_server.url, monkeypatch)
    assert "scope" in refused(svend("promote", "better", "--reason", "mine")).cure
    assert [model["id"] for model in lines(svend("models", "--json"))]  # what is on sale is for everybody


def test_no_server_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    svend = svend_with("sk-svend-x", "http://127.0.0.1:9", monkeypatch)
    assert "make status" in refused(svend("jobs")).cure


@pytest.mark.parametrize(("words", "status"), [(["promote", "better"], 2), (["nonsense"], 2), (["--help"], 0)])
def test_wrong_usage_is_status_two(words: list[str], status: int) -> None:
    assert CliRunner().invoke(app, words).exit_code == status
