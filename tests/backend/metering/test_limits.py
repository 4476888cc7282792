"""Rate limits: buckets, headers, revocation, give-back, and Valkey being away."""

import dataclasses
import re
from collections.abc import Iterator

import pytest

from backend.accounts.callers import PERSON_SCOPES, Caller
from backend.accounts.models import Account, ApiKey
from backend.accounts.services import api_key_authenticate, api_key_create, api_key_revoke
from backend.core.errors import NotAuthenticated, ServiceUnavailable
from backend.core.valkey import valkey
from backend.metering import limits
from backend.metering.limits import RateLimited, go_duration, limits_settle, limits_take

CALLER = Caller(
    account_id="acct_limits", name="t", scopes=PERSON_SCOPES, requests_per_minute=3, tokens_per_minute=1_000
)


def test_every_answer_tells_the_limits() -> None:
    headers = limits_take(CALLER, 400)
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "2"
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert 600 <= int(headers["x-ratelimit-remaining-tokens"]) <= 601
    assert re.fullmatch(r"(\d+m)?\d+(\.\d+)?m?s", headers["x-ratelimit-reset-tokens"])
    assert headers["x-ratelimit-reset-requests"] == "20s"


def test_requests_run_out_and_say_when_to_come_back() -> None:
    for _ in range(3):
        limits_take(CALLER, 0)
    with pytest.raises(RateLimited) as refused:
        limits_take(CALLER, 0)
    assert 1 <= int(refused.value.headers["retry-after"]) <= 20
    assert refused.value.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.value.status == 429


def test_tokens_run_out_and_a_refusal_takes_nothing() -> None:
    limits_take(CALLER, 900)
    with pytest.raises(RateLimited, match="tokens"):
        limits_take(CALLER, 500)
    assert limits_take(CALLER, 0)["x-ratelimit-remaining-requests"] == "1"


def test_unused_tokens_come_back() -> None:
    limits_take(CALLER, 900)
    limits_settle(CALLER, reserved_tokens=900, used_tokens=100)
    assert 900 <= int(limits_take(CALLER, 0)["x-ratelimit-remaining-tokens"]) <= 902


def test_a_request_above_the_whole_limit_takes_all_of_it_and_passes() -> None:
    assert limits_take(CALLER, 50_000)["x-ratelimit-remaining-tokens"] == "0"


def test_accounts_do_not_share_a_bucket() -> None:
    for _ in range(3):
        limits_take(CALLER, 0)
    limits_take(dataclasses.replace(CALLER, account_id="acct_other"), 0)


@pytest.mark.django_db(transaction=True)
def test_a_revocation_holds_at_once_even_for_a_cached_caller(account: Account, api_key: tuple[ApiKey, str]) -> None:
    key, raw = api_key
    cached = api_key_authenticate(raw)
    limits_take(cached, 0)
    api_key_revoke(account_id=account.id, api_key_id=key.id)
    with pytest.raises(NotAuthenticated, match="revoked"):
        limits_take(cached, 0)
    with pytest.raises(NotAuthenticated, match="revoked"):
        api_key_authenticate(raw)


def test_a_restarted_valkey_is_full_buckets_not_an_error() -> None:
    limits_take(CALLER, 900)
    valkey().flushdb()
    valkey().script_flush()
    assert limits_take(CALLER, 0)["x-ratelimit-remaining-tokens"] == "1000"


@pytest.fixture
def _valkey_away(settings) -> Iterator[None]:
    caches = (valkey, limits._take, limits._give_back)
    for cached in caches:
        cached.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("_valkey_away")
def test_without_valkey_a_metered_request_is_asked_to_come_back() -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        limits_take(CALLER, 1)
    assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "1")
    limits_settle(CALLER, reserved_tokens=9, used_tokens=1)  # nothing to raise about: it only gives back


@pytest.mark.usefixtures("_valkey_away")
def test_without_valkey_keys_are_read_from_the_database(account: Account) -> None:
    _, raw = api_key_create(account_id=account.id, name="k")
    assert api_key_authenticate(raw).account_id == account.id


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0ms"), (20, "20ms"), (1_000, "1s"), (1_500, "1.5s"), (60_000, "1m0s"), (360_000, "6m0s")],
)
def test_durations_read_as_go_prints_them(milliseconds: int, text: str) -> None:
    assert go_duration(milliseconds) == text
