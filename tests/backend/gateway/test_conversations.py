"""The Ask pages' API: ask, ask again, list, read, hide; the server's own loop advances what a page asked."""

import json

import httpx
import pytest

from backend.core.threads import service_call
from backend.runs.models import Run
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import DERIVATIVE
from tests.backend.gateway.runs_checked import run_settled

pytestmark = pytest.mark.usefixtures("node")


async def test_a_conversation_from_question_to_history(http: httpx.AsyncClient, stranger: Customer) -> None:
    body = {"id": "conv_madebyme1", "question": DERIVATIVE, "allow_tools": True, "verify": False}
    made = await http.post("/api/conversations", json=body)
    assert made.status_code == 201, made.text
    run_id = made.json()["run"]["id"]
    assert (await run_settled(run_id)).answer == "3x² + 2"
    again = await http.post("/api/conversations", json=body)
    assert again.json()["run"]["id"] == run_id  # a repeat asks nothing
    second = await http.post("/api/conversations/conv_madebyme1/runs", json={"question": "and now?"})
    await run_settled(second.json()["id"])
    page = (await http.get("/api/conversations")).json()
    assert page["results"][0]["last_run"]["answer"] == "42"
    assert page["next"] is None
    detail = (await http.get("/api/conversations/conv_madebyme1")).json()
    assert [run["answer"] for run in detail["runs"]] == ["3x² + 2", "42"]
    events = (await http.get(f"/api/runs/{run_id}/events?after=2")).json()
    assert events["frames"][0]["seq"] == 3
    assert events["is_complete"] is True
    for method, path in (("GET", "conv_madebyme1"), ("DELETE", "conv_madebyme1")):
        assert (await http.request(method, f"/api/conversations/{path}", headers=stranger.headers)).status_code == 404
    taken = await http.post("/api/conversations", json=body, headers=stranger.headers)
    assert taken.status_code == 409
    assert (await http.delete("/api/conversations/conv_madebyme1")).status_code == 204
    assert (await http.get("/api/conversations/conv_madebyme1")).status_code == 404
    assert (await http.get("/api/conversations")).json()["results"] == []
    assert await service_call(Run.objects.count) == 2  # the bills stay


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": "\ud800"}, "question"),
        ({"question": "a\0"}, "question"),
        ({"question": "x" * 70_000}, "question"),
        ({"question": "hi", "allow_tools": "perhaps"}, "allow_tools"),
        ({"question": "hi", "tools": ["rm"]}, "tools.0"),
        ({"question": "hi", "id": "../etc"}, "id"),
        ({"question": "hi", "model": "nobody"}, "model"),
    ],
)
async def test_bad_questions_are_told_where(http: httpx.AsyncClient, body: dict[str, object], param: str) -> None:
    content = json.dumps(body).encode()  # httpx's own cannot spell half a surrogate pair
    response = await http.post("/api/conversations", content=content, headers={"content-type": "application/json"})
    assert response.status_code in (400, 404), response.text
    assert response.json()["error"]["param"].startswith(param.split(".")[0])
    assert await service_call(Run.objects.count) == 0


async def test_a_run_says_which_search_was_asked_for(http: httpx.AsyncClient) -> None:
    search = {"strategy": "majority", "width": 2, "depth": 4}
    made = await http.post("/api/conversations", json={"question": DERIVATIVE, "search": search})
    assert made.status_code == 201, made.text
    run = made.json()["run"]
    assert run["search"] == search
    await run_settled(run["id"])
    plain = await http.post("/api/conversations", json={"question": DERIVATIVE})
    assert plain.json()["run"]["search"]["strategy"] == "none"
    assert run["max_total_tokens"] == 2 * plain.json()["run"]["max_total_tokens"]
    await run_settled(plain.json()["run"]["id"])


async def test_models_page_tells_what_there_is(http: httpx.AsyncClient) -> None:
    (model,) = (await http.get("/api/models")).json()
    assert model["is_ready"] is True
    assert model["aliases"] == ["svend-13b", "svend-7b", "svend-latest"]
    assert model["price_nano_usd_per_token"] == 3000
