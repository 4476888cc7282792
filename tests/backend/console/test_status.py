"""The status page's lines: what works says so, what does not names its cure, and staff alone may read it."""

import time

import pytest
from django.test import Client

from backend.accounts.models import Account, User
from backend.accounts.services import membership_add, operator_create
from backend.console.status import StatusLine, status_read
from backend.core.heartbeat import heartbeat
from backend.core.valkey import valkey
from backend.nodes.models import Node

pytestmark = pytest.mark.django_db

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
WORKS_ALONE = {"postgresql", "valkey", "storage"}


def lines() -> dict[str, StatusLine]:
    return {line.name: line for line in status_read()}


def test_what_works_says_so() -> None:
    heartbeat("worker")
    heartbeat("beat")
    heartbeat("proof")
    found = lines()
    for name in (*WORKS_ALONE, "worker", "beat", "proof"):
        assert found[name].state == "ok", found[name]
    assert "wake-ups waiting" in found["valkey"].said


@pytest.mark.parametrize(("seconds", "state"), [(5, "ok"), (60, "late"), (3_600, "failing")])
def test_a_worker_that_fell_silent_is_told_with_its_cure(seconds: int, state: str) -> None:
    valkey().set("svend.alive.worker", repr(time.time() - seconds))
    line = lines()["worker"]
    assert line.state == state
    assert ("celery" in line.cure) == (state != "ok")


def test_what_was_never_seen_is_not_well() -> None:
    found = lines()
    assert (found["worker"].state, found["beat"].state, found["nodes"].state) == ("failing", "failing", "failing")
    assert found["proof"].state == "late"


def test_a_node_that_does_not_answer(settings) -> None:
    Node.objects.create(name="gone", url="http://127.0.0.1:9", probe_error="refused")
    line = lines()["nodes"]
    assert line.state == "failing"
    assert "1 never reached" in line.said


def test_a_valkey_that_is_away_fails_its_lines_and_no_others(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    valkey.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    try:
        found = lines()
    finally:
        valkey.cache_clear()
    assert found["valkey"].state == "failing"
    assert "REDIS_URL" in found["valkey"].cure
    assert found["postgresql"].state == "ok"


def test_only_operators_read_it(alice: User, account: Account) -> None:
    client = Client()
    client.force_login(alice, backend=BACKEND)
    assert client.get("/api/console/status").status_code == 403
    operator = operator_create(email="ops@example.org", password="")
    membership_add(account=account, user=operator, role="member")
    client.force_login(operator, backend=BACKEND)
    answer = client.get("/api/console/status")
    assert answer.status_code == 200, answer.json()
    assert {line["name"] for line in answer.json()["lines"]} >= WORKS_ALONE
