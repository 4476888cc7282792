"""`/v1/reason`: a question with its whole reasoning. Ask, poll, follow, stop.

`stream` and `/events` send the run's frames as they are (one JSON object an event, `id:` is its `seq`), so a
broken connection resumes with `?after=` or `Last-Event-ID`; then the `reason.run` object and `[DONE]`.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

from django.http import HttpResponseBase

from backend.core.errors import ApplicationError
from backend.core.threads import service_call
from backend.metering.services import price_read
from backend.model_registry.models import ModelVersion
from backend.openai_api.door import Request, answer, body_parse, sse, v1_view
from backend.openai_api.requests import ReasonBody
from backend.openai_api.running import (
    frame_events,
    projection_finished,
    question_size_check,
    run_begin,
    sse_response,
    stream_response,
    version_ready,
)
from backend.runs.admission import prompt_bound_tokens, run_bound_tokens
from backend.runs.cancel import run_cancel
from backend.runs.live import LoggedFrame
from backend.runs.models import Run
from backend.runs.services import frames_read, run_get
from gpu_node.protocol.frames import Search
from gpu_node.protocol.projector import RunProjection, reason_run
from gpu_node.protocol.run_spec import Message, RunSpec


@v1_view("inference", methods=("POST",), is_openai_shaped=False)
async def reason(request: Request) -> HttpResponseBase:
    body = body_parse(request, ReasonBody)
    body.check()
    version = await version_ready(body.model, tools=body.tool_names)
    spec = await _reason_spec(body, version)
    admitted = await run_begin(request, surface=Run.Surface.REASON, question=body.question, spec=spec)
    if body.background:
        return answer(await _run_object(admitted.run.id, request), status=202)
    if body.stream:
        last = partial(_run_event, admitted.run.id, request)
        return await stream_response(request, admitted, _frame_event, last)
    await projection_finished(request, admitted)
    return answer(await _run_object(admitted.run.id, request))


async def _reason_spec(body: ReasonBody, version: ModelVersion) -> RunSpec:
    num_bytes = len(body.question.encode())
    question_size_check(num_bytes, version)
    bound = run_bound_tokens(
        prompt_bound=prompt_bound_tokens(num_bytes=num_bytes, num_messages=1),
        context_tokens=version.context_tokens,
        max_completion_tokens=body.max_completion_tokens,
        has_tools=bool(body.tool_names),
        verify=body.verify,
        search=body.search,
    )
    if body.max_total_tokens is not None:
        bound = min(bound, body.max_total_tokens)
    if body.max_cost_nano_usd is not None:
        bound = min(bound, await _affordable_tokens(body.max_cost_nano_usd, version))
    return RunSpec(
        model=version.name,
        messages=[Message(role="user", content=body.question)],
        tools=body.tool_names,
        verify=body.verify,
        search=body.search or Search(),
        max_total_tokens=bound,
        max_completion_tokens=body.max_completion_tokens,
        temperature=body.temperature or 0.0,
        seed=body.seed,
    )


async def _affordable_tokens(cost_nano_usd: int, version: ModelVersion) -> int:
    price = await service_call(price_read, version.name)
    tokens = cost_nano_usd // price
    if tokens < 1:
        message = f"max_cost_nano_usd={cost_nano_usd} buys no token: one costs {price} n$."
        raise ApplicationError(message, code="invalid_value", param="max_cost_nano_usd")
    return tokens


async def _run_object(run_id: str, request: Request) -> dict[str, Any]:
    return await service_call(_run_object_read, run_id=run_id, account_id=request.caller.account_id)


def _run_object_read(*, run_id: str, account_id: str) -> dict[str, Any]:
    run = run_get(run_id=run_id, account_id=account_id)
    projection = RunProjection(model=run.model)
    after_seq = 0
    while page := frames_read(run_id=run.id, after_seq=after_seq):
        for logged in page:
            projection.apply(logged.parse())
        after_seq = page[-1].seq
    return {
        **reason_run(projection, run_id=run.id, model=run.model),
        "question": run.question,
        "created": int(run.created_at.timestamp()),
        "max_total_tokens": run.max_total_tokens,
        "price_nano_usd_per_token": run.price_nano_usd_per_token,
        "cost_nano_usd": run.cost_nano_usd,
    }


@v1_view("inference", methods=("GET",), is_openai_shaped=False)
async def reason_detail(request: Request, run_id: str) -> HttpResponseBase:
    body = await _run_object(run_id, request)
    request.answer_headers["x-svend-run-id"] = run_id
    return answer(body)


@v1_view("inference", methods=("POST",), is_openai_shaped=False)
async def reason_cancel(request: Request, run_id: str) -> HttpResponseBase:
    await service_call(run_get, run_id=run_id, account_id=request.caller.account_id)
    await run_cancel(run_id)
    request.answer_headers["x-svend-run-id"] = run_id
    return answer(await _run_object(run_id, request))


@v1_view("inference", methods=("GET",), is_openai_shaped=False)
async def reason_events(request: Request, run_id: str) -> HttpResponseBase:
    """Follows a run. Leaving stops nothing: this reader did not start it."""
    await service_call(run_get, run_id=run_id, account_id=request.caller.account_id)
    request.answer_headers["x-svend-run-id"] = run_id
    return sse_response(_events(request, run_id, _after_seq(request)))


def _after_seq(request: Request) -> int:
    given = request.GET.get("after") or request.headers.get("last-event-id") or "0"
    if not given.isdecimal() or len(given) > 9:
        raise ApplicationError("after must be a frame's seq, 0 or more.", code="invalid_value", param="after")
    return int(given)


async def _events(request: Request, run_id: str, after_seq: int) -> AsyncIterator[bytes]:
    async with aclosing(frame_events(run_id, after_seq, _frame_event)) as events:
        async for event in events:
            yield event
    yield await _run_event(run_id, request)
    yield sse("[DONE]")


async def _run_event(run_id: str, request: Request) -> bytes:
    return sse(await _run_object(run_id, request))


def _frame_event(logged: LoggedFrame) -> bytes:
    return f"id: {logged.seq}\ndata: {logged.line}\n\n".encode()
