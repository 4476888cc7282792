"""The current `openai` client against /v1, through the real node: the same answer and the same tokens everywhere."""

import pytest
from openai import AsyncOpenAI

from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.runs.models import Run, TraceEvent
from gpu_node.protocol.frames import frame_parse
from tests.backend.conftest import PRICE
from tests.backend.gateway.node_process import DERIVATIVE, MODEL

pytestmark = pytest.mark.usefixtures("node")

QUESTION = [{"role": "user", "content": DERIVATIVE}]


def last_frame_usage(run_id: str):
    return frame_parse(TraceEvent.objects.filter(run_id=run_id).order_by("seq").last().frame).usage


async def test_chat_answer_counters_usage_row_and_cost_agree(openai_client: AsyncOpenAI) -> None:
    completion = await openai_client.chat.completions.create(model="svend-13b", messages=QUESTION)
    assert completion.model == MODEL
    message = completion.choices[0].message
    assert message.content == "3x² + 2"
    assert message.tool_calls is None
    assert "3*x**2 + 2" in message.reasoning_content
    run_id = completion.svend["run_id"]
    record = await service_call(UsageRecord.objects.get, run_id=run_id)
    counted = await service_call(last_frame_usage, run_id)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (
        counted.prompt_tokens,
        counted.completion_tokens,
    )
    assert (record.prompt_tokens, record.completion_tokens) == (counted.prompt_tokens, counted.completion_tokens)
    assert record.cost_nano_usd == completion.usage.total_tokens * PRICE
    usage = await openai_client.get(f"/usage/{run_id}", cast_to=dict)
    assert usage["cost_nano_usd"] == record.cost_nano_usd


async def test_streamed_answer_and_usage_equal_the_whole_ones(openai_client: AsyncOpenAI) -> None:
    whole = await openai_client.chat.completions.create(model=MODEL, messages=QUESTION)
    stream = await openai_client.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


async def test_raw_completion_continues_the_prompt(openai_client: AsyncOpenAI) -> None:
    completion = await openai_client.completions.create(model=MODEL, prompt="Solve: 2x = 8")
    assert completion.choices[0].text == " x = 4"
    stream = await openai_client.completions.create(model=MODEL, prompt="Solve: 2x = 8", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == " x = 4"


async def test_models_list_and_retrieve(openai_client: AsyncOpenAI) -> None:
    models = [model.id async for model in openai_client.models.list()]
    assert MODEL in models
    assert (await openai_client.models.retrieve("svend-7b")).root == MODEL


async def test_every_run_is_settled_with_its_log(openai_client: AsyncOpenAI) -> None:
    await openai_client.chat.completions.create(model=MODEL, messages=QUESTION)
    run = await service_call(Run.objects.get)
    seqs = await service_call(lambda: list(TraceEvent.objects.order_by("seq").values_list("seq", flat=True)))
    assert run.status == "finished"
    assert seqs == list(range(1, run.last_seq + 1))
