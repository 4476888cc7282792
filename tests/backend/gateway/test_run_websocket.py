"""/ws/runs/{id}: every frame once and in order, from any seq; the refusals first."""

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backend.runs import follow
from tests.backend.gateway.conftest import Customer
from tests.backend.gateway.node_process import DERIVATIVE, TALE
from tests.backend.gateway.runs_checked import log_read

pytestmark = pytest.mark.usefixtures("node")


async def ask(http: httpx.AsyncClient, question: str) -> str:
    response = await http.post("/v1/reason", json={"question": question, "background": True})
    assert response.status_code == 202, response.text
    return response.json()["id"]


def socket_url(server: str, run_id: str) -> str:
    return f"{server.replace('http', 'ws')}/ws/runs/{run_id}"


async def messages_of(server: str, run_id: str, **hello: object) -> list[dict]:
    """Everything the socket says until it is closed by the server."""
    messages = []
    async with connect(socket_url(server, run_id)) as socket:
        await socket.send(json.dumps(hello))
        async for text in socket:
            messages.append(json.loads(text))
    return messages


def seqs_of(messages: list[dict]) -> list[int]:
    return [message["frame"]["seq"] for message in messages if message["kind"] == "frame"]


async def close_code(server: str, run_id: str, first_message: str) -> int:
    async with connect(socket_url(server, run_id)) as socket:
        await socket.send(first_message)
        with pytest.raises(ConnectionClosed):
            while True:
                message = json.loads(await socket.recv())
                assert message["kind"] == "error"
        assert socket.close_code is not None
        return socket.close_code


async def test_refusals(server: str, http: httpx.AsyncClient, customer: Customer, stranger: Customer) -> None:
    run_id = await ask(http, DERIVATIVE)
    typo = json.dumps({"api_key": "sk-svend-" + "a" * 49})
    assert await close_code(server, run_id, typo) == 4401
    assert await close_code(server, run_id, json.dumps({"api_key": stranger.raw_key})) == 4404
    assert await close_code(server, "run_nobody", json.dumps({"api_key": customer.raw_key})) == 4404
    assert await close_code(server, run_id, "not json") == 4400
    assert await close_code(server, run_id, json.dumps({"after_seq": -1})) == 4400


async def test_a_live_reader_sees_all_and_the_bill(server: str, http: httpx.AsyncClient, customer: Customer) -> None:
    run_id = await ask(http, TALE)
    messages = await messages_of(server, run_id, after_seq=0, api_key=customer.raw_key)
    assert (messages[0]["kind"], messages[-1]["kind"]) == ("run", "run")
    assert seqs_of(messages) == list(range(1, seqs_of(messages)[-1] + 1))
    last = messages[-1]["run"]
    assert last["status"] == "finished"
    assert last["cost_nano_usd"] == 3000 * (last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"])


@pytest.mark.timeout(600)
async def test_resume_at_every_seq(server: str, http: httpx.AsyncClient, customer: Customer) -> None:
    run_id = await ask(http, DERIVATIVE)
    whole = seqs_of(await messages_of(server, run_id, api_key=customer.raw_key))
    for after_seq in range(whole[-1] + 1):
        messages = await messages_of(server, run_id, after_seq=after_seq, api_key=customer.raw_key)
        assert seqs_of(messages) == whole[after_seq:]


async def test_resume_again_and_again_while_it_runs(server: str, http: httpx.AsyncClient, customer: Customer) -> None:
    run_id = await ask(http, TALE)
    seen: list[int] = []
    while True:
        async with connect(socket_url(server, run_id)) as socket:
            await socket.send(json.dumps({"after_seq": seen[-1] if seen else 0, "api_key": customer.raw_key}))
            for _ in range(8):
                try:
                    message = json.loads(await socket.recv())
                except ConnectionClosed:
                    break
                if message["kind"] == "frame":
                    seen.append(message["frame"]["seq"])
            else:
                continue  # drop the socket and come back
        break
    assert seen == [frame.seq for frame in await log_read(run_id)]


async def test_readers_of_another_process_use_the_channel(
    server: str, http: httpx.AsyncClient, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a reader in another process sees: the run is not advanced there.
    monkeypatch.setattr(follow, "is_advanced_here", lambda run_id: False)
    run_id = await ask(http, TALE)
    readers = [messages_of(server, run_id, after_seq=n, api_key=customer.raw_key) for n in (0, 0, 3)]
    for messages, first in zip(await asyncio.gather(*readers), (1, 1, 4), strict=True):
        assert seqs_of(messages) == list(range(first, messages[-1]["run"]["last_seq"] + 1))


async def test_sse_resumes_by_last_event_id(http: httpx.AsyncClient) -> None:
    run_id = await ask(http, DERIVATIVE)
    whole = (await http.get(f"/v1/reason/{run_id}/events")).text
    ids = [int(line[4:]) for line in whole.splitlines() if line.startswith("id: ")]
    assert ids == list(range(1, len(ids) + 1))
    rest = (await http.get(f"/v1/reason/{run_id}/events", headers={"last-event-id": "4"})).text
    assert [int(line[4:]) for line in rest.splitlines() if line.startswith("id: ")] == ids[4:]
    assert rest.rstrip().endswith("data: [DONE]")
