"""A client that leaves: the run stops within a second, and is billed exactly what the engine counted."""

import asyncio
import random
import time

import httpx
import pytest

from backend.core.threads import service_call
from backend.metering.models import UsageRecord
from backend.runs.follow import frames_follow
from backend.runs.live import frames_heard
from backend.runs.models import Run
from tests.backend.gateway.node_process import DERIVATIVE, LONG, MODEL, SLOW, TALE, NodeProcess
from tests.backend.gateway.runs_checked import (
    all_sound,
    billed_what_the_engine_counted,
    log_read,
    run_settled,
    runs_settled,
)

NUM_REQUESTS = 200
STOP_SECONDS_MAX = 1.0


def body(question: str, **fields: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": question}], **fields}


async def the_one_run() -> Run:
    async with asyncio.timeout(20):
        while (run := await service_call(Run.objects.first)) is None:
            await asyncio.sleep(0.01)
    return run


async def stopped_in_time(run: Run, left_at: float) -> None:
    """By the node's own clock: when it wrote the run's last frame."""
    settled = await run_settled(run.id)
    assert settled.status == "cancelled"
    assert 0 < settled.completion_tokens < 4000
    last = (await log_read(run.id))[-1]
    assert last.at_ms / 1000 - left_at <= STOP_SECONDS_MAX


async def test_leaving_a_stream_stops_the_run(http: httpx.AsyncClient, node: NodeProcess) -> None:
    async with http.stream("POST", "/v1/chat/completions", json=body(SLOW, stream=True)) as response:
        lines = response.aiter_lines()
        while "reasoning" not in await anext(lines):
            pass
        run = await the_one_run()
    await stopped_in_time(run, time.time())
    assert await billed_what_the_engine_counted(node) == 1
    await all_sound()


@pytest.mark.parametrize(
    ("path", "request_body"), [("/v1/chat/completions", body(SLOW)), ("/v1/reason", {"question": SLOW})]
)
async def test_leaving_before_the_answer_stops_the_run(
    http: httpx.AsyncClient, node: NodeProcess, path: str, request_body: dict[str, object]
) -> None:
    waiting = asyncio.create_task(http.post(path, json=request_body))
    run = await the_one_run()
    async with asyncio.timeout(20):
        while not (await service_call(Run.objects.get, id=run.id)).completion_tokens:
            await asyncio.sleep(0.05)
    waiting.cancel()
    await stopped_in_time(run, time.time())
    assert await billed_what_the_engine_counted(node) == 1
    await all_sound()


async def test_leaving_with_an_idempotency_key_lets_the_run_go_on(http: httpx.AsyncClient, node: NodeProcess) -> None:
    headers = {"idempotency-key": "come-back"}
    async with http.stream("POST", "/v1/chat/completions", json=body(LONG, stream=True), headers=headers) as response:
        await anext(response.aiter_lines())
    await runs_settled()
    async with http.stream("POST", "/v1/chat/completions", json=body(LONG, stream=True), headers=headers) as response:
        text = "".join([line async for line in response.aiter_lines()])
    assert text.endswith("data: [DONE]")
    assert (await service_call(Run.objects.get)).status == "finished"
    assert await service_call(UsageRecord.objects.count) == 1


@pytest.mark.parametrize("num_ticks", range(4))
async def test_a_reader_that_is_stopped_as_a_frame_comes_is_gone(
    http: httpx.AsyncClient, node: NodeProcess, num_ticks: int
) -> None:
    run_id = (await http.post("/v1/reason", json={"question": TALE, "background": True})).json()["id"]
    reader = asyncio.create_task(_read(run_id))
    with frames_heard(run_id) as frames:
        for _ in range(3):
            await frames.get()
        for _ in range(num_ticks):
            await asyncio.sleep(0)
        reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(2):
            await reader
    await http.post(f"/v1/reason/{run_id}/cancel")
    assert (await run_settled(run_id)).status == "cancelled"
    await all_sound()


async def _read(run_id: str) -> None:
    async for _ in frames_follow(run_id=run_id):
        pass


@pytest.mark.timeout(600)
async def test_200_requests_at_once_some_leaving_are_each_billed_once(
    http: httpx.AsyncClient, node: NodeProcess
) -> None:
    dice = random.Random(20)
    await asyncio.gather(*(one_request(http, dice.random(), dice.uniform(0.05, 4)) for _ in range(NUM_REQUESTS)))
    await runs_settled(timeout_seconds=100)
    runs = await service_call(lambda: list(Run.objects.all()))
    assert {run.status for run in runs} == {"finished", "cancelled"}
    assert await billed_what_the_engine_counted(node) == len(runs)
    await all_sound()


async def one_request(http: httpx.AsyncClient, draw: float, patience_seconds: float) -> None:
    """Two in five leave: at some line of a stream, or at some moment of waiting."""
    is_streamed, leaves = draw * 10 % 1 < 0.5, draw * 100 % 1 < 0.4
    if not leaves:
        await _ask(http, (DERIVATIVE, LONG)[draw < 0.5], is_streamed)
    elif is_streamed:
        await _ask(http, TALE, is_streamed=True, lines_max=1 + int(draw * 20))
    else:
        try:
            async with asyncio.timeout(patience_seconds):
                await _ask(http, TALE, is_streamed=False)
        except TimeoutError:
            pass


async def _ask(http: httpx.AsyncClient, question: str, is_streamed: bool, lines_max: int | None = None) -> None:
    if not is_streamed:
        response = await http.post("/v1/chat/completions", json=body(question), timeout=None)
        assert response.status_code == 200, response.text
        return
    async with http.stream("POST", "/v1/chat/completions", json=body(question, stream=True), timeout=None) as response:
        assert response.status_code == 200
        lines = []
        async for line in response.aiter_lines():
            lines.append(line)
            if len(lines) == lines_max:
                return  # leaves
    assert "data: [DONE]" in lines[-2:]


async def test_leaving_at_any_moment_leaves_no_run_behind(http: httpx.AsyncClient, node: NodeProcess) -> None:
    """Before, during and after the run is made: nothing goes on for a client that is gone."""
    for milliseconds in (1, 3, 6, 10, 15, 25, 40, 70, 110, 180):
        for is_streamed in (True, False):
            try:
                async with asyncio.timeout(milliseconds / 1000):
                    await _ask(http, TALE, is_streamed)
            except TimeoutError:
                pass
    await runs_settled()
    runs = await service_call(lambda: list(Run.objects.all()))
    assert {run.status for run in runs} <= {"cancelled"}
    await all_sound()
