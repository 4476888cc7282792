"""The audit log: every change of money, keys, prices, promotions and roles leaves its entry, and entries stay."""

import json
import sys

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from backend.accounts.models import Account, User
from backend.accounts.services import account_create, api_key_create, api_key_revoke, operator_create
from backend.core.audit import Area, actor_set, audit_write
from backend.core.models import AuditEntry
from backend.metering.services import credit_grant, price_add, price_set
from backend.model_registry.services import model_promote, model_version_register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody() -> None:
    actor_set("")


def newest(action: str) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).latest("id")


def test_a_new_account_has_an_owner_on_record(account: Account) -> None:
    entry = newest("membership.add")
    assert (entry.area, entry.account_id, entry.target) == ("roles", account.id, "alice@example.org")
    assert (entry.before, entry.after) == (None, {"role": "owner"})


def test_an_operator_is_on_record_once(db: None) -> None:
    first, again = (operator_create(email="ops@example.org", password="") for _ in range(2))
    assert first == again
    assert AuditEntry.objects.filter(action="operator.add", target="ops@example.org").count() == 1


def test_a_keys_life_is_on_record(account: Account) -> None:
    key, raw = api_key_create(account_id=account.id, name="ci", monthly_cap_nano_usd=5)
    api_key_revoke(account_id=account.id, api_key_id=key.id)
    api_key_revoke(account_id=account.id, api_key_id=key.id)
    made = newest("key.make")
    assert (made.target, made.after) == (
        f"ci ({key.id})",
        {"scopes": ["inference", "usage"], "monthly_cap_nano_usd": 5},
    )
    assert AuditEntry.objects.filter(action="key.revoke").count() == 1
    assert all(raw not in json.dumps([entry.before, entry.after]) for entry in AuditEntry.objects.all())


def test_a_grant_is_on_record_with_who_and_why(account: Account) -> None:
    for _ in range(2):
        credit_grant(account_id=account.id, amount_nano_usd=7, source="grant:x", actor="ops", reason="an outage")
    entry = newest("credit.grant")
    assert (entry.actor, entry.reason, entry.after) == ("ops", "an outage", {"amount_nano_usd": 7})
    assert AuditEntry.objects.filter(action="credit.grant", target="grant:x").count() == 1


def test_a_price_is_on_record_beside_the_one_before(db: None) -> None:
    price_set(model="m", nano_usd_per_token=3)
    price_add(model="m", nano_usd_per_token=4, reason="costs rose")
    entry = newest("price.add")
    assert (entry.before, entry.after["nano_usd_per_token"]) == ({"nano_usd_per_token": 3}, 4)
    assert entry.reason == "costs rose"


def test_a_promotion_is_on_record(db: None) -> None:
    version = model_version_register(name="m", role="reasoner", context_tokens=10, num_parameters=1, vocab_size=3)
    model_promote(alias="fast", version=version, reason="the first")
    entry = newest("promotion.seed")
    assert (entry.target, entry.after["model"], entry.reason) == ("fast", "m", "the first")


def test_a_request_leaves_its_caller_and_its_id(account: Account, alice: User) -> None:
    client = Client(headers={"x-request-id": "req-of-the-test"})
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    made = client.post("/api/keys", json.dumps({"name": "ci"}), content_type="application/json").json()
    entry = newest("key.make")
    assert (entry.actor, entry.request_id) == ("alice@example.org", "req-of-the-test")
    _, raw = api_key_create(account_id=account.id, name="boss", scopes=["admin"])
    Client(headers={"authorization": f"Bearer {raw}"}).delete(f"/api/keys/{made['id']}")
    assert newest("key.revoke").actor.startswith("key boss (key_")


def test_outside_a_request_the_program_acts(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/srv/manage.py", "seed_operator"])
    account_create(name="alice", owner=alice)
    assert newest("membership.add").actor == "manage.py seed_operator"


def test_an_entry_falls_with_its_change(account: Account) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        credit_grant(account_id=account.id, amount_nano_usd=7, source="grant:lost", actor="ops", reason="x")
        raise ZeroDivisionError
    assert not AuditEntry.objects.filter(target="grant:lost").exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="stands or falls"):
        audit_write(area=Area.MONEY, action="x.y", target="z", before=None, after=None)


@pytest.mark.parametrize("statement", ["UPDATE core_auditentry SET actor = 'me'", "DELETE FROM core_auditentry"])
def test_history_cannot_be_changed(account: Account, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
