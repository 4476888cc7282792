"""/api/tools: what runs may call, with limits and fence; a try is free of charge and bounded by the rate limit."""

import httpx
import pytest

from backend.accounts.models import Account
from backend.core.threads import service_call
from backend.metering.models import Hold
from backend.metering.services import balance_read
from tests.backend.gateway.conftest import Customer

pytestmark = pytest.mark.usefixtures("node")


async def test_the_list_says_schema_limits_and_fence(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/api/tools")).json()
    assert [tool["name"] for tool in listed] == ["execute_python", "symbolic_math", "logic_solver"]
    for tool in listed:
        assert tool["is_available"], tool["unavailable_reason"]
        assert tool["fence_tier"] in ("namespaces", "landlock", "chroot")
        assert tool["parameters"]["type"] == "object"
        assert tool["limits"]["wall_seconds"] == 10


async def test_a_try_answers_as_in_a_run_and_costs_nothing(http: httpx.AsyncClient, customer: Customer) -> None:
    before = await service_call(balance_read, customer.account.id)
    right = await http.post(
        "/api/tools/symbolic_math", json={"arguments": '{"operation": "factor", "expression": "x^2-1"}'}
    )
    assert right.status_code == 200, right.text
    assert (right.json()["status"], right.json()["text"]) == ("ok", "(x - 1)*(x + 1)")
    wrong = (await http.post("/api/tools/execute_python", json={"arguments": "{"})).json()
    assert wrong["status"] == "error"
    assert wrong["text"].startswith("Error: the arguments are not JSON")
    assert await service_call(balance_read, customer.account.id) == before
    assert await service_call(Hold.objects.count) == 0


async def test_what_is_wrong_is_refused_by_name(http: httpx.AsyncClient) -> None:
    unknown = await http.post("/api/tools/web_search", json={"arguments": "{}"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_tool")
    for body, param in (({}, "arguments"), ({"arguments": "x" * 100_001}, "arguments")):
        refused = await http.post("/api/tools/execute_python", json=body)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    stranger = await http.get("/api/tools", headers={"authorization": "Bearer sk-svend-wrong"})
    assert stranger.status_code == 401


async def test_tries_are_limited_like_requests(http: httpx.AsyncClient, customer: Customer) -> None:
    await service_call(Account.objects.filter(id=customer.account.id).update, requests_per_minute=2)
    tries = [await http.post("/api/tools/execute_python", json={"arguments": '{"code": "print(1)"}'}) for _ in range(3)]
    assert [answer.status_code for answer in tries] == [200, 200, 429]
    assert int(tries[-1].headers["retry-after"]) > 0
