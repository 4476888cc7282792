"""Bad input to /v1: each ends in one clear error in OpenAI's shape, with its headers, no run and no hold."""

import json

import httpx
import pytest

from backend.accounts.services import api_key_revoke
from backend.core.threads import service_call
from backend.metering.models import Hold
from backend.runs.models import Run
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import MODEL, NodeProcess
from tests.backend.gateway.runs_checked import all_sound

pytestmark = pytest.mark.usefixtures("node")

CHAT, TEXT, REASON = "/v1/chat/completions", "/v1/completions", "/v1/reason"
HI = [{"role": "user", "content": "hi"}]
BYTES_1_MB = b'{"question": "' + b"a" * 1_048_576 + b'"}'

# path, body (bytes as they are, else JSON), status, code, param
TABLE = [
    (CHAT, b"", 400, "invalid_json", None),
    (CHAT, b"  \n", 400, "invalid_json", None),
    (CHAT, BYTES_1_MB, 413, "request_too_large", None),
    (REASON, BYTES_1_MB, 413, "request_too_large", None),
    (CHAT, b'{"messages": "\xff\xfe"}', 400, "invalid_json", None),
    (CHAT, b"{", 400, "invalid_json", None),
    (CHAT, b"[]", 400, "invalid_value", None),
    (CHAT, b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400, "invalid_json", None),
    (CHAT, {}, 400, "missing_required_parameter", "messages"),
    (CHAT, {"messages": []}, 400, "invalid_value", "messages"),
    (CHAT, {"messages": "hi"}, 400, "invalid_value", "messages"),
    (CHAT, {"messages": [{"role": "user"}]}, 400, "invalid_value", "messages[0].content"),
    (CHAT, {"messages": [{"role": "user", "content": "a\0b"}]}, 400, "invalid_value", "messages[0].content"),
    (CHAT, {"messages": [{"role": "king", "content": "hi"}]}, 400, "invalid_value", "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": 5}]}, 400, "invalid_value", "messages[0].content"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        400,
        "unsupported",
        "messages[0].content[0]",
    ),
    (
        CHAT,
        {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
        400,
        "invalid_value",
        "messages[0].tool_call_id",
    ),
    (CHAT, {"messages": HI, "model": "gpt-9"}, 404, "model_not_found", "model"),
    (CHAT, {"messages": HI, "model": 5}, 400, "invalid_value", "model"),
    (CHAT, {"messages": HI, "stream": "yes"}, 400, "invalid_value", "stream"),
    (CHAT, {"messages": HI, "temperature": 3}, 400, "invalid_value", "temperature"),
    (CHAT, {"messages": HI, "temperature": "hot"}, 400, "invalid_value", "temperature"),
    (CHAT, {"messages": HI, "max_tokens": 0}, 400, "invalid_value", "max_tokens"),
    (CHAT, {"messages": HI, "max_tokens": "9"}, 400, "invalid_value", "max_tokens"),
    (CHAT, {"messages": HI, "n": 2}, 400, "unsupported", "n"),
    (CHAT, {"messages": HI, "stop": ["a", "b", "c", "d", "e"]}, 400, "invalid_value", "stop"),
    (CHAT, {"messages": HI, "logprobs": True}, 400, "unsupported", "logprobs"),
    (CHAT, {"messages": HI, "response_format": {"type": "json_object"}}, 400, "unsupported", "response_format"),
    (CHAT, {"messages": HI, "tool_choice": "required"}, 400, "unsupported", "tool_choice"),
    (CHAT, {"messages": HI, "svend": {"tools": ["rm"]}}, 400, "invalid_value", "svend.tools[0]"),
    (
        CHAT,
        {"messages": HI, "svend": {"search": {"strategy": "guess"}}},
        400,
        "invalid_value",
        "svend.search.strategy",
    ),
    (CHAT, {"messages": [{"role": "user", "content": "x" * 9000}]}, 400, "context_length_exceeded", "messages"),
    (CHAT, {"messages": [{"role": "user", "content": "x" * 70_000}]}, 400, "context_length_exceeded", "messages"),
    (TEXT, {}, 400, "missing_required_parameter", "prompt"),
    (TEXT, {"prompt": ""}, 400, "invalid_value", "prompt"),
    (TEXT, {"prompt": ["a", "b"]}, 400, "unsupported", "prompt"),
    (TEXT, {"prompt": [99_999_999]}, 400, "invalid_value", None),
    (TEXT, {"prompt": "a", "echo": True}, 400, "unsupported", "echo"),
    (TEXT, {"prompt": "a", "logprobs": 1}, 400, "unsupported", "logprobs"),
    (TEXT, {"prompt": "a", "best_of": 3}, 400, "unsupported", "best_of"),
    (REASON, {}, 400, "missing_required_parameter", "question"),
    (REASON, {"question": ""}, 400, "invalid_value", "question"),
    (REASON, {"question": ["hi"]}, 400, "invalid_value", "question"),
    (REASON, {"question": "hi", "allow_tools": "no"}, 400, "invalid_value", "allow_tools"),
    (
        CHAT,
        {
            "messages": HI,
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "svend": {"search": {"strategy": "majority"}},
        },
        400,
        "unsupported",
        "svend.search",
    ),
    (REASON, {"question": "hi", "search": {"strategy": "beam", "width": 17}}, 400, "invalid_value", "search.width"),
    (REASON, {"question": "hi", "search": {"strategy": "mcts", "depth": 0}}, 400, "invalid_value", "search.depth"),
    (
        REASON,
        {"question": "hi", "search": {"strategy": "beam", "width": 16, "depth": 16}},
        400,
        "invalid_value",
        "search",
    ),
    (REASON, {"question": "hi", "max_total_tokens": 0}, 400, "invalid_value", "max_total_tokens"),
    (REASON, {"question": "hi", "search": {"strategy": "beam"}}, 400, "no_critic", "search.strategy"),
    (REASON, {"question": "hi", "max_cost_nano_usd": 5}, 400, "invalid_value", "max_cost_nano_usd"),
    (REASON, {"question": "hi", "stream": True, "background": True}, 400, "invalid_value", "stream"),
    ("/v1/embeddings", {"input": "x"}, 404, "unknown_url", None),
]


def checked_error(response: httpx.Response) -> dict[str, object]:
    assert response.headers["x-request-id"]
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    return error


async def test_each_bad_body_has_its_error(http: httpx.AsyncClient) -> None:
    for path, body, status, code, param in TABLE:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = await http.post(path, content=content, headers={"content-type": "application/json"})
        error = checked_error(response)
        assert (response.status_code, error["code"], error["param"]) == (status, code, param), (body, error)
    assert await service_call(Hold.objects.filter(is_open=True).count) == 0
    await all_sound()


async def test_too_long_a_prompt_names_both_numbers_and_costs_nothing(http: httpx.AsyncClient) -> None:
    response = await http.post(CHAT, json={"messages": [{"role": "user", "content": "x" * 9000}]})
    message = response.json()["error"]["message"]
    assert "8192" in message
    assert "900" in message
    run = await service_call(Run.objects.get)
    assert (run.status, run.is_billable, run.cost_nano_usd) == ("failed", False, 0)


async def test_streamed_failure_is_an_error_event(http: httpx.AsyncClient) -> None:
    body = {"messages": [{"role": "user", "content": "x" * 9000}], "stream": True}
    response = await http.post(CHAT, json=body)
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert json.loads(events[0])["error"]["code"] == "context_length_exceeded"


async def test_wrong_method_and_type_are_told(http: httpx.AsyncClient) -> None:
    response = await http.get(CHAT)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert checked_error(response)["code"] == "method_not_allowed"
    response = await http.post(CHAT, content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (response.status_code, checked_error(response)["code"]) == (415, "unsupported_media_type")


async def test_keys_that_do_not_open(server: str, http: httpx.AsyncClient, customer: Customer) -> None:
    wrong = "sk-svend-" + "a" * 49
    response = await http.post(REASON, json={"question": "hi"}, headers={"authorization": f"Bearer {wrong}"})
    error = checked_error(response)
    assert (response.status_code, error["code"]) == (401, "invalid_api_key")
    assert wrong not in error["message"]
    await service_call(api_key_revoke, account_id=customer.account.id, api_key_id=customer.api_key.id)
    response = await http.post(REASON, json={"question": "hi"})
    assert (response.status_code, checked_error(response)["code"]) == (401, "invalid_api_key")
    assert await service_call(Run.objects.count) == 0


async def test_node_down_is_said_before_money_moves(http: httpx.AsyncClient, settings, node: NodeProcess) -> None:
    settings.SVEND_NODES = [{"name": "local", "url": "http://127.0.0.1:9", "secret": "x"}]
    from backend.model_registry.services import snapshot_forget
    from backend.nodes.services import nodes_probe

    await nodes_probe()
    snapshot_forget()
    response = await http.post(CHAT, json={"model": MODEL, "messages": HI})
    assert (response.status_code, checked_error(response)["code"]) == (503, "model_not_ready")
    assert response.headers["retry-after-ms"] == "5000"
    assert await service_call(Run.objects.count) == 0
