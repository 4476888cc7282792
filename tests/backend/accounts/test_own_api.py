"""/api/me, keys and usage: who may, who may not, whose data, and one error shape."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from backend.accounts.models import Account, ApiKey, User
from backend.accounts.services import account_create, api_key_create
from backend.metering.services import UsageCounts, credit_grant, hold_place, price_set, run_settle
from tests.backend.conftest import MODEL, PRICE

pytestmark = pytest.mark.django_db

ROUTES = ["/api/me", "/api/keys", "/api/usage/summary", "/api/usage/runs"]


@pytest.fixture(autouse=True)
def _prices(db: None) -> None:
    price_set(model=MODEL, nano_usd_per_token=PRICE)
    price_set(model="default", nano_usd_per_token=PRICE)


@pytest.fixture
def _production(settings) -> None:
    settings.IS_LOCAL = False


def bearer(raw: str) -> Client:
    return Client(headers={"authorization": f"Bearer {raw}"})


def person(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def post(client: Client, path: str, body: object):
    return client.post(path, json.dumps(body), content_type="application/json")


def run(account: Account, run_id: str, tokens: int = 10, api_key: ApiKey | None = None) -> None:
    key_id = api_key.id if api_key else None
    hold_place(run_id=run_id, account_id=account.id, api_key_id=key_id, model=MODEL, bound_tokens=1_000)
    usage = UsageCounts(prompt_tokens=4, completion_tokens=tokens - 4, tool_result_tokens=1, reasoning_tokens=2)
    run_settle(run_id=run_id, usage=usage, is_billable=True, finish_reason="stop")


# --- The ladder of refusals


@pytest.mark.usefixtures("_production")
@pytest.mark.parametrize("route", ROUTES)
def test_nobody_is_refused_in_the_one_shape(route: str) -> None:
    answer = Client().get(route)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer["www-authenticate"] == "Bearer"
    assert answer["x-request-id"].startswith("req_")


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_with_a_typo_is_refused_in_local_mode_too(route: str) -> None:
    assert bearer("sk-svend-typo").get(route).status_code == 401


@pytest.mark.usefixtures("_production")
def test_a_foreign_bearer_is_refused_in_production() -> None:
    assert bearer("not-needed").get("/api/me").status_code == 401


def test_a_foreign_bearer_is_the_local_account_in_local_mode() -> None:
    local = account_create(name="here", owner=None, is_local=True)
    me = bearer("not-needed").get("/api/me").json()
    assert me["account"]["id"] == local.id
    assert (me["is_local"], me["user"]) == (True, None)


def test_local_mode_is_for_this_machine_only() -> None:
    account_create(name="here", owner=None, is_local=True)
    assert Client(REMOTE_ADDR="10.1.2.3").get("/api/me").status_code == 401


def test_local_mode_refuses_other_sites_pages() -> None:
    account_create(name="here", owner=None, is_local=True)
    foreign = Client(headers={"origin": "https://evil.example"})
    assert post(foreign, "/api/keys", {"name": "stolen"}).status_code == 401
    assert not ApiKey.objects.exists()


def test_local_mode_refuses_names_that_were_rebound_to_this_machine() -> None:
    from django.test import RequestFactory

    from backend.accounts.services import is_local_request

    assert is_local_request(RequestFactory().get("/v1/models", headers={"host": "127.0.0.1"}))
    assert not is_local_request(RequestFactory().get("/v1/models", headers={"host": "evil.example"}))


@pytest.mark.usefixtures("_production")
def test_scopes_are_asked_for(account: Account) -> None:
    _, raw = api_key_create(account_id=account.id, name="asks only", scopes=["inference"])
    assert bearer(raw).get("/api/usage/summary").status_code == 403
    assert bearer(raw).get("/api/keys").status_code == 403
    assert post(bearer(raw), "/api/keys", {"name": "successor"}).status_code == 403
    assert bearer(raw).get("/api/me").status_code == 200


def test_nobody_makes_a_key_that_may_more_than_they(account: Account, alice: User) -> None:
    answer = post(person(alice), "/api/keys", {"name": "root", "scopes": ["admin"]})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "missing_scope"


def test_a_session_needs_the_csrf_token(account: Account, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert post(client, "/api/keys", {"name": "forged"}).status_code == 403
    client.get("/")
    token = client.cookies["csrftoken"].value
    assert (
        client.post(
            "/api/keys", json.dumps({"name": "mine"}), content_type="application/json", headers={"x-csrftoken": token}
        ).status_code
        == 201
    )


# --- Somebody else's things


def test_anothers_key_is_not_found(account: Account, alice: User, other_account: Account) -> None:
    theirs, _ = api_key_create(account_id=other_account.id, name="theirs")
    assert person(alice).delete(f"/api/keys/{theirs.id}").status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_nobody_sees_anothers_runs_or_keys(account: Account, alice: User, other_account: Account) -> None:
    api_key_create(account_id=other_account.id, name="theirs")
    run(other_account, "run_theirs000")
    assert person(alice).get("/api/keys").json() == []
    assert person(alice).get("/api/usage/runs").json() == {"results": [], "next": None}
    assert person(alice).get("/api/usage/summary").json()["days"] == []


# --- What it says


def test_a_keys_life(account: Account, alice: User) -> None:
    client = person(alice)
    made = post(client, "/api/keys", {"name": "ci", "monthly_cap_nano_usd": 5_000_000, "id": "key_mine", "version": 9})
    assert made.status_code == 201
    key = made.json()
    assert key["id"] != "key_mine"  # read-only fields are ignored
    run(account, "run_bykey0000", tokens=100, api_key=ApiKey.objects.get(id=key["id"]))
    (listed,) = client.get("/api/keys").json()
    assert "key" not in listed
    assert listed["spent_month_nano_usd"] == 100 * PRICE
    assert listed["last_used_model"] == MODEL
    assert client.delete(f"/api/keys/{key['id']}").status_code == 204
    assert client.get("/api/keys").json()[0]["revoked_at"] is not None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "monthly_cap_nano_usd": -1}, "monthly_cap_nano_usd"),
        ({"name": "x", "monthly_cap_nano_usd": 10**30}, "monthly_cap_nano_usd"),
    ],
)
def test_bad_input_names_its_field(account: Account, alice: User, body: object, param: str) -> None:
    answer = post(person(alice), "/api/keys", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b"1", b"null", b'{"name": {"a": 1}}', b"x" * 2_000_000]
)
def test_bad_bodies_end_in_one_clear_error(account: Account, alice: User, body: bytes) -> None:
    answer = person(alice).post("/api/keys", body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]


def test_usage_by_day_and_by_run(account: Account, alice: User) -> None:
    for n in range(3):
        run(account, f"run_number00{n}", tokens=10 + n)
    client = person(alice)
    summary = client.get("/api/usage/summary").json()
    assert summary["month_to_date_nano_usd"] == 33 * PRICE
    assert summary["days"] == [
        {
            "day": timezone.now().date().isoformat(),
            "prompt_tokens": 12,
            "completion_tokens": 21,
            "reasoning_tokens": 6,
            "tool_result_tokens": 3,
            "cost_nano_usd": 33 * PRICE,
            "num_runs": 3,
        }
    ]
    first = client.get("/api/usage/runs?limit=2").json()
    rest = client.get("/api/usage/runs", {"limit": 2, "cursor": first["next"]}).json()
    assert [line["run_id"] for line in first["results"] + rest["results"]] == [f"run_number00{n}" for n in (2, 1, 0)]
    assert rest["next"] is None
    assert first["results"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("query", ["from=never", "from=2026-02-02&to=2026-01-01", "from=1900-01-01"])
def test_bad_days_are_refused(account: Account, alice: User, query: str) -> None:
    assert person(alice).get(f"/api/usage/summary?{query}").status_code == 400


def test_bad_cursors_are_refused(account: Account, alice: User) -> None:
    for cursor in ("x", "bm90IGEgY3Vyc29y", "///"):
        assert person(alice).get("/api/usage/runs", {"cursor": cursor}).status_code == 400


def test_a_grant_shows_in_the_balance(account: Account, alice: User) -> None:
    before = person(alice).get("/api/me").json()["balance_nano_usd"]
    credit_grant(account_id=account.id, amount_nano_usd=7, source="grant:x", actor="tests", reason="seven")
    assert person(alice).get("/api/me").json()["balance_nano_usd"] == before + 7
