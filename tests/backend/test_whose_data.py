"""Every route with an id, asked by somebody else, says 404: generated from the URLconf, so a new route is held too."""

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern

from backend import urls
from backend.accounts.models import Account, ApiKey
from backend.accounts.services import account_create, api_key_create
from backend.billing.models import Payment, Refund
from backend.chat.models import Conversation
from backend.core.ids import run_id_make
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Hold
from backend.metering.services import UsageCounts, hold_place, price_set, run_settle
from backend.runs.models import Run
from tests.backend.conftest import MODEL, PRICE

# Routes whose parameter names nothing that belongs to an account.
NOBODYS = {"v1/models/<path:model_id>", "welcome/<str:token>", "api/tools/<str:name>"}
# What only operators see, all of it: the scopes `jobs` and `admin` are staff's to give.
OPERATORS = (
    "api/jobs",
    "api/nodes",
    "api/schedules",
    "api/artifacts",
    "api/models/",
    "api/promotions",
    "api/reports",
    "api/aliases",
    "api/console",
)
METHODS = ("get", "post", "put", "patch", "delete")

pytestmark = pytest.mark.django_db(transaction=True)


def routes_with_an_id() -> Iterator[str]:
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLPattern) and pattern.pattern.converters and route not in NOBODYS:
            if not route.startswith(OPERATORS):
                yield route


def operator_routes() -> list[str]:
    routes = [str(pattern.pattern) for pattern in urls.urlpatterns]
    return sorted(route for route in routes if route.startswith(OPERATORS) and not route.startswith("api/models"))


@pytest.mark.parametrize("route", operator_routes())
def test_a_customer_gets_nothing_of_the_operators(route: str) -> None:
    account = account_create(name="customer", owner=None)
    _, raw = api_key_create(account_id=account.id, name="all of a customer's", scopes=["inference", "usage"])
    client = Client(headers={"authorization": f"Bearer {raw}"})
    path = "/" + re.sub(r"<int:\w+>", "1", re.sub(r"<str:\w+>", "job_aaaaaaaa", route))
    statuses = {m: getattr(client, m)(path, "{}", content_type="application/json").status_code for m in METHODS[1:]}
    statuses["get"] = client.get(path).status_code
    assert set(statuses.values()) <= {403, 405}, statuses
    assert 403 in statuses.values()


@pytest.fixture
def theirs() -> dict[str, str]:
    """One of everything that has an id, of an account that is not the asker's."""
    price_set(model=MODEL, nano_usd_per_token=PRICE)
    other = account_create(name="other", owner=None)
    key, _ = api_key_create(account_id=other.id, name="theirs")
    conversation = Conversation.objects.create(account=other, title="theirs")
    run_id = run_id_make()
    hold_place(run_id=run_id, account_id=other.id, api_key_id=key.id, model=MODEL, bound_tokens=100)
    run_settle(run_id=run_id, usage=UsageCounts(prompt_tokens=1, completion_tokens=1), is_billable=True)
    Run.objects.create(
        id=run_id,
        account=other,
        conversation_id=conversation.id,
        surface=Run.Surface.ASK,
        question="their secret",
        model=MODEL,
        spec={"kind": "reason", "model": MODEL, "messages": [{"role": "user", "content": "x"}], "max_total_tokens": 9},
        max_total_tokens=100,
        price_nano_usd_per_token=PRICE,
        status=Run.Status.FINISHED,
    )
    payment = Payment.objects.create(account=other, kind="checkout", amount_cents=500, idempotency_key="theirs")
    return {
        "run_id": run_id,
        "conversation_id": conversation.id,
        "api_key_id": key.id,
        "payment_id": payment.id,
    }


@pytest.fixture
def asker() -> Client:
    account: Account = account_create(name="asker", owner=None)
    _, raw = api_key_create(account_id=account.id, name="all", scopes=["inference", "usage", "jobs", "admin"])
    return Client(headers={"authorization": f"Bearer {raw}"})


def fill(route: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        route = route.replace(f"<str:{name}>", value)
    assert "<" not in route, f"{route}: give this test one of another account's, or name the route in NOBODYS"
    return "/" + route


def test_there_are_routes_to_try() -> None:
    assert len(list(routes_with_an_id())) >= 9


@pytest.mark.parametrize("route", sorted(routes_with_an_id()))
def test_somebody_elses_thing_is_not_found(route: str, theirs: dict[str, str], asker: Client) -> None:
    path = fill(route, theirs)
    before = _everything()
    body = json.dumps({"question": "What is 1 + 1?", "name": "taken"})
    answers = {
        m: getattr(asker, m)(path, body if m != "get" else None, content_type="application/json") for m in METHODS
    }
    statuses = {method: answer.status_code for method, answer in answers.items()}
    assert set(statuses.values()) <= {404, 405}, statuses
    assert 404 in statuses.values(), f"{statuses}: no method was even tried"
    assert all(b"their secret" not in answer.content for answer in answers.values())
    assert _everything() == before
    assert ledger_check().is_sound


def _everything() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (ApiKey, Conversation, Run, Hold, Payment, Refund)]
