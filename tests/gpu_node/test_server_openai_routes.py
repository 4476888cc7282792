"""A node used alone, through the `openai` client: streamed and not, raw completions, client tools, errors."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import openai
import pytest

from gpu_node.server.node import Node
from tests.gpu_node.scripted_node import MODEL, cast, node_of, served

QUESTION = [{"role": "user", "content": "Solve x^2 = 4"}]


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[tuple[openai.AsyncOpenAI, Node]]:
    node = node_of(cast(seconds_per_token=0.0005), tmp_path)
    async with served(node) as url, openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client, node


async def test_models_are_listed(alone: tuple[openai.AsyncOpenAI, Node]):
    client, _ = alone
    assert [model.id async for model in client.models.list()] == [MODEL]


async def test_a_chat_streamed_is_the_chat_not_streamed(alone: tuple[openai.AsyncOpenAI, Node]):
    client, node = alone
    whole = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert whole.choices[0].message.content == "x = -2 or x = 2 \u2713"
    assert whole.choices[0].finish_reason == "stop"
    stream = await client.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert content == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    rows = node.store.usage_rows(after=0, limit=10)
    assert [row.usage.completion_tokens for row in rows] == [whole.usage.completion_tokens] * 2


async def test_a_raw_completion(alone: tuple[openai.AsyncOpenAI, Node]):
    client, _ = alone
    done = await client.completions.create(model=MODEL, prompt="Solve: 1 + 1\n", stop=" STOP", max_tokens=40)
    assert done.choices[0].text == "2"
    cut = await client.completions.create(model=MODEL, prompt="Solve: 1 + 1\n", max_tokens=3)
    assert (cut.choices[0].text, cut.choices[0].finish_reason) == ("2 S", "length")
    assert cut.usage.completion_tokens == 3


async def test_a_clients_tool(alone: tuple[openai.AsyncOpenAI, Node]):
    client, _ = alone
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    messages = [{"role": "user", "content": "client tool"}]
    done = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert done.choices[0].finish_reason == "tool_calls"
    assert done.choices[0].message.tool_calls[0].function.name == "get_weather"


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"model": "gpt-5"}, openai.NotFoundError, "serves 'svend-scripted'"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 30_000}]}, openai.UnprocessableEntityError, "30"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"n": 3}, openai.BadRequestError, "n:"),
    ],
)
async def test_errors_are_the_clients_own(alone: tuple[openai.AsyncOpenAI, Node], fields, error, words):
    client, _ = alone
    with pytest.raises(error, match=words):
        await client.chat.completions.create(**({"model": MODEL, "messages": QUESTION} | fields))


async def test_leaving_a_stream_ends_the_run_within_a_second(alone: tuple[openai.AsyncOpenAI, Node]):
    client, node = alone
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "slow"}], stream=True
    )
    async for _ in stream:
        break
    await stream.close()
    await asyncio.sleep(1)
    assert node.runs.running() == []


async def test_leaving_before_the_answer_ends_the_run(alone: tuple[openai.AsyncOpenAI, Node]):
    client, node = alone
    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.2).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hang"}]
        )
    await asyncio.sleep(1)
    assert node.runs.running() == []


async def test_bytes_that_are_no_json(alone: tuple[openai.AsyncOpenAI, Node]):
    client, _ = alone
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{client.base_url}chat/completions", content=b"\xff\x00")
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
