"""The current `openai` client against the real product: streams and not, usage, errors, and the money behind it."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.model]

QUESTION = "What is the derivative of x^3 + 2x?"
PRICE_NANO_USD = 3_000


def _client(product: Product) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{product.url}/v1", api_key=product.api_key, max_retries=0)


def _messages(question: str = QUESTION) -> list[Any]:
    return [{"role": "user", "content": question}]


def _usage_row(product: Product, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get(f"/v1/usage/{run_id}").json()
    return found


def test_the_answer_its_counters_and_its_charge_agree(product: Product) -> None:
    raw = _client(product).chat.completions.with_raw_response.create(model="svend-nano", messages=_messages())
    answer = raw.parse()
    ChatCompletion.model_validate(answer.model_dump(), strict=True)
    assert "3*x**2 + 2" in (answer.choices[0].message.content or "")
    run_id = raw.headers["x-svend-run-id"]
    last = product.frames(run_id)[-1].usage
    row = _usage_row(product, run_id)
    assert answer.usage is not None
    assert answer.usage.total_tokens == last.total_tokens == row["prompt_tokens"] + row["completion_tokens"]
    assert row["cost_nano_usd"] == last.total_tokens * PRICE_NANO_USD
    assert raw.headers["x-request-id"].startswith("req_")


def test_a_stream_says_the_same_as_one_answer(product: Product) -> None:
    client = _client(product)
    whole = client.chat.completions.create(model="svend-nano", messages=_messages(), temperature=0)
    content, reasoning, usage = "", "", None
    stream = client.chat.completions.create(
        model="svend-nano", messages=_messages(), temperature=0, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning", None) or ""
    assert content == whole.choices[0].message.content
    assert reasoning == whole.choices[0].message.reasoning  # type: ignore[attr-defined]
    assert usage is not None
    assert whole.usage is not None
    assert usage.total_tokens == whole.usage.total_tokens


def test_an_unknown_model_and_a_wrong_key_are_told_apart(product: Product) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        _client(product).chat.completions.create(model="gpt-9", messages=_messages())
    assert missing.value.code == "model_not_found"
    wrong = openai.OpenAI(base_url=f"{product.url}/v1", api_key="sk-svend-" + "a" * 49, max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model="svend-nano", messages=_messages())


async def _one_request(client: openai.AsyncOpenAI, rng: random.Random, number: int) -> None:
    """A third of the clients hang up at a random chunk."""
    leaves_after = rng.randrange(1, 8) if number % 3 == 0 else None
    question = f"What is {rng.randrange(100, 999)} * {rng.randrange(100, 999)}?"
    stream = await client.chat.completions.create(model="svend-nano", messages=_messages(question), stream=True)
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == leaves_after:
            await stream.close()
            return


@pytest.mark.timeout(300)
def test_200_concurrent_requests_with_hang_ups_are_charged_once_and_exactly(product: Product) -> None:
    before = {row["run_id"] for row in _all_usage(product)}
    rng = random.Random(200)

    async def storm() -> None:
        async with openai.AsyncOpenAI(
            base_url=f"{product.url}/v1", api_key=product.api_key, max_retries=8, timeout=240
        ) as client:
            gate = asyncio.Semaphore(50)

            async def guarded(number: int) -> None:
                async with gate:
                    await _one_request(client, rng, number)

            await asyncio.gather(*(guarded(number) for number in range(200)))

    # Its own thread: the browser of other tests holds an event loop in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(storm())).result()
    product.wait_until_quiet()
    rows = [row for row in _all_usage(product) if row["run_id"] not in before]
    assert len(rows) == 200
    assert len({row["run_id"] for row in rows}) == 200
    for row in rows:
        counted = product.frames(row["run_id"])[-1].usage
        tokens = row["prompt_tokens"] + row["completion_tokens"]
        assert tokens == counted.total_tokens
        assert row["cost_nano_usd"] == (tokens * PRICE_NANO_USD if row["is_billable"] else 0)
    proof = product.ledger_check()
    assert proof["entries_sum_nano_usd"] == 0
    assert proof["num_open_holds"] == 0
    assert proof["is_sound"], proof["problems"]


def _all_usage(product: Product) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = product.http.get("/api/usage/runs", params={"limit": 100, "cursor": cursor}).json()
        rows += page["results"]
        cursor = page["next"]
        if not cursor:
            return rows
