"""`seed_local`: the first start makes what is real, the second changes nothing."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from backend.accounts.callers import ALL_SCOPES, PERSON_SCOPES
from backend.accounts.models import Account, ApiKey, User
from backend.accounts.services import api_key_authenticate, caller_person_id
from backend.metering.ledger_check import ledger_check
from backend.metering.models import LedgerTransaction, Price
from backend.metering.services import balance_read

pytestmark = pytest.mark.django_db


def seed() -> dict[str, str]:
    out = StringIO()
    call_command("seed_local", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


@pytest.fixture(autouse=True)
def _data(settings, tmp_path) -> None:
    settings.SVEND_DATA = tmp_path
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "", "a password of the owner"


def test_a_fresh_start_has_all_it_needs() -> None:
    made = seed()
    assert set(made) >= {"url", "api_key", "model", "admin_email", "admin_link"}
    account = Account.objects.get(is_local=True)
    assert balance_read(account.id).available_nano_usd == 100_000_000_000
    grant = LedgerTransaction.objects.get()
    assert (grant.actor, bool(grant.reason)) == ("manage.py seed_local", True)
    browser = Client()
    assert browser.get(made["admin_link"].removeprefix(made["url"])).status_code == 302
    me = browser.get("/api/me").json()
    assert me["user"] == {"email": made["admin_email"], "is_staff": True}
    assert me["account"]["id"] == account.id
    assert User.objects.get().check_password("a password of the owner")
    assert ledger_check().is_sound


def test_a_second_start_changes_nothing_but_the_link(settings) -> None:
    first = seed()
    (settings.SVEND_DATA / "first-run.json").write_text(json.dumps(first))
    second = seed()
    assert second["api_key"] == first["api_key"]
    assert second["operator_key"] == first["operator_key"]
    assert second["admin_link"] != first["admin_link"]
    counts = [model.objects.count() for model in (Account, User, ApiKey, Price, LedgerTransaction)]
    assert counts == [1, 1, 2, 2, 1]
    assert Client().get(first["admin_link"].removeprefix(first["url"])).status_code == 404  # the old one died


def test_the_terminal_acts_for_the_admin() -> None:
    made = seed()
    caller = api_key_authenticate(made["operator_key"])
    assert caller.scopes == ALL_SCOPES
    assert caller_person_id(caller) == User.objects.get().pk
    assert api_key_authenticate(made["api_key"]).scopes == PERSON_SCOPES


def test_production_is_never_seeded(settings) -> None:
    settings.IS_LOCAL = False
    with pytest.raises(CommandError):
        seed()
