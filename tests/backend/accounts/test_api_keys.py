"""API keys: the ladder of refusals, first to last, and that nothing secret is kept."""

import pytest

from backend.accounts import api_keys
from backend.accounts.models import Account, ApiKey
from backend.accounts.services import api_key_authenticate, api_key_create, api_key_revoke
from backend.core.errors import NotAllowed, NotAuthenticated, NotFound


def test_keys_have_the_promised_shape() -> None:
    raw = api_keys.key_make()
    assert raw.startswith("sk-svend-")
    assert len(raw) == len("sk-svend-") + 43 + 6
    assert api_keys.key_is_well_formed(raw)
    assert api_keys.key_make() != raw


@pytest.mark.parametrize("position", range(9, 58))
def test_any_changed_character_is_a_typo(position: int) -> None:
    raw = "sk-svend-" + "A" * 43
    raw += api_keys._checksum(raw)
    other = "b" if raw[position] != "b" else "c"
    assert not api_keys.key_is_well_formed(raw[:position] + other + raw[position + 1 :])


@pytest.mark.parametrize(
    "raw", ["", "sk-svend-", "sk-other-" + "A" * 49, "sk-svend-" + "é" * 49, "sk-svend-" + "A" * 5000]
)
def test_a_malformed_key_is_refused_without_a_database_call(raw: str) -> None:
    # No `db` fixture: a query would fail the test.
    with pytest.raises(NotAuthenticated):
        api_key_authenticate(raw)


@pytest.mark.django_db
def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(NotAuthenticated):
        api_key_authenticate(api_keys.key_make())


def test_a_live_key_names_its_account(api_key: tuple[ApiKey, str], django_assert_num_queries) -> None:
    key, raw = api_key
    caller = api_key_authenticate(raw)
    assert (caller.account_id, caller.api_key_id) == (key.account_id, key.id)
    assert caller.scopes == {"inference", "usage"}
    with django_assert_num_queries(0):
        assert api_key_authenticate(raw) == caller  # cached


@pytest.mark.django_db(transaction=True)
def test_a_revoked_key_is_refused_at_once(account: Account, api_key: tuple[ApiKey, str]) -> None:
    key, raw = api_key
    api_key_authenticate(raw)
    api_key_revoke(account_id=account.id, api_key_id=key.id)
    api_key_revoke(account_id=account.id, api_key_id=key.id)  # again is harmless
    with pytest.raises(NotAuthenticated, match="revoked"):
        api_key_authenticate(raw)
    key.refresh_from_db()
    assert key.version == 2


def test_another_account_cannot_revoke(other_account: Account, api_key: tuple[ApiKey, str]) -> None:
    with pytest.raises(NotFound):
        api_key_revoke(account_id=other_account.id, api_key_id=api_key[0].id)
    api_key_authenticate(api_key[1])


def test_a_missing_scope_is_refused(account: Account) -> None:
    _, raw = api_key_create(account_id=account.id, name="reader", scopes=["usage"])
    caller = api_key_authenticate(raw)
    caller.require("usage")
    with pytest.raises(NotAllowed, match="inference"):
        caller.require("inference")


def test_the_key_itself_is_stored_nowhere(api_key: tuple[ApiKey, str]) -> None:
    key, raw = api_key
    stored = ApiKey.objects.filter(id=key.id).values().get()
    assert raw[9:52] not in str(stored)
    assert stored["prefix"] == raw[:12]
    assert stored["last4"] == raw[-4:]


def test_messages_show_no_more_than_the_last_four() -> None:
    raw = "sk-svend-" + "Secret" * 10
    with pytest.raises(NotAuthenticated) as refused:
        api_key_authenticate(raw)
    assert "SecretSecret" not in refused.value.message
