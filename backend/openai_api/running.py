"""From a parsed request to a run that is under way, and from its frames to the answer; shared by /v1's doors.

Client gone: the run is stopped within a second and what was made is billed, unless the request carried an
Idempotency-Key (its sender means to come back for the answer) or ran in the background.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import structlog
from django.http import StreamingHttpResponse

from backend.core.errors import ApplicationError, ServiceUnavailable
from backend.core.threads import service_call
from backend.metering.idempotency import request_sha256
from backend.metering.limits import limits_settle
from backend.metering.services import InsufficientFunds
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import model_resolve, node_for, snapshot
from backend.openai_api.door import Request, sse
from backend.runs.admission import Admitted, run_admit
from backend.runs.advance import advance_spawn
from backend.runs.cancel import run_cancel
from backend.runs.follow import frames_follow
from backend.runs.live import LoggedFrame
from backend.runs.models import Run
from backend.runs.services import Idempotency, RunRequest
from gpu_node.protocol.frames import Frame, RunFailed
from gpu_node.protocol.projector import RunProjection
from gpu_node.protocol.run_spec import QUESTION_BYTES_MAX, RunSpec

log = structlog.get_logger(__name__)

PING_SECONDS = 10.0  # a comment in a quiet stream: proxies and clients give up on silence after 15 s and more
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

# A node's words for a prompt that does not fit.
TOO_LONG_CODES = frozenset({"prompt_too_long", "context_length_exceeded"})
# Failures that another try may mend; nothing was charged.
PASSING_CODES = frozenset(
    {"node_unreachable", "node_restarted", "unknown_run", "busy", "stopping", "model_not_loaded", "superseded"}
)


async def version_ready(name: str | None) -> ModelVersion:
    """The version that `name` means, with a node that answers for it. Raises ModelNotFound, ModelNotReady."""
    version = model_resolve(await snapshot(), name)
    await node_for(version.name)
    return version


def question_size_check(num_bytes: int, version: ModelVersion) -> None:
    if num_bytes > QUESTION_BYTES_MAX:
        raise ApplicationError(
            f"The prompt has {num_bytes} bytes; {version.name} has a context of {version.context_tokens} tokens.",
            code="context_length_exceeded",
            param="messages",
        )


def idempotency_of(request: Request) -> Idempotency | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    digest = request_sha256(method=request.method or "", path=request.path, body=request.body)
    return Idempotency(key=key, request_digest=digest)


async def run_begin(request: Request, *, surface: Run.Surface, question: str, spec: RunSpec) -> Admitted:
    """Admits the run and starts it; from here on it goes to its end by itself."""
    asked = RunRequest(surface=surface, question=question, spec=spec, idempotency=idempotency_of(request))
    try:
        admitted = await service_call(run_admit, caller=request.caller, request=asked)
    except ApplicationError as error:
        request.answer_headers |= {k: v for k, v in error.headers.items() if k.startswith("x-ratelimit")}
        raise
    request.answer_headers |= {**admitted.limit_headers, "x-svend-run-id": admitted.run.id}
    if admitted.is_new:
        task = advance_spawn(admitted.run.id)
        task.add_done_callback(lambda _: _limits_give_back(request, admitted))
    return admitted


_background: set[asyncio.Task[Any]] = set()


def _spawn(work: Any) -> None:
    task = asyncio.ensure_future(work)
    _background.add(task)
    task.add_done_callback(_background.discard)


def _limits_give_back(request: Request, admitted: Admitted) -> None:
    def settle() -> None:
        run = Run.objects.only("prompt_tokens", "completion_tokens").get(id=admitted.run.id)
        used = run.prompt_tokens + run.completion_tokens
        limits_settle(request.caller, reserved_tokens=admitted.bound_tokens, used_tokens=used)

    _spawn(service_call(settle))


async def frames_while_connected(
    request: Request, admitted: Admitted, *, after_seq: int = 0
) -> AsyncGenerator[LoggedFrame | None, None]:
    """The run's frames; when the reader leaves before the end, the run is stopped."""
    is_ended = False
    try:
        async with aclosing(frames_follow(run_id=admitted.run.id, after_seq=after_seq)) as frames:
            async for frame in frames:
                is_ended = frame is not None and frame.is_terminal
                yield frame
    finally:
        # Reached with the end, or by cancellation when the client left: then the stop needs a task of its own.
        if not is_ended and "idempotency-key" not in request.headers:
            log.info("run.client_gone", run_id=admitted.run.id)
            _spawn(run_cancel(admitted.run.id))


async def projection_finished(request: Request, admitted: Admitted) -> RunProjection:
    """Waits for the run's end. Raises the run's failure in the public shape."""
    projection = RunProjection(model=admitted.run.model)
    async with aclosing(frames_while_connected(request, admitted)) as frames:
        async for logged in frames:
            if logged is not None:
                projection.apply(logged.parse())
    if projection.error_code is not None:
        raise failure_error(admitted, projection.error_code, projection.error_message or "")
    return projection


def failure_error(admitted: Admitted, code: str, message: str) -> ApplicationError:
    """A failed run as the error its asker gets. Nothing was charged for it."""
    if code in TOO_LONG_CODES:
        run = admitted.run
        if run.max_total_tokens < admitted.bound_tokens:
            return InsufficientFunds(
                f"{message}: your balance affords no more.",
                affordable_tokens=run.max_total_tokens,
                price_nano_usd_per_token=run.price_nano_usd_per_token,
            )
        return ApplicationError(message, code="context_length_exceeded", param="messages")
    if code == "invalid_spec":
        return ApplicationError(message, code="invalid_value")
    if code in PASSING_CODES:
        return ServiceUnavailable(f"{message} Nothing was charged.", code=code)
    return ApplicationError(f"{message} Nothing was charged.", code=code, status=500, type="server_error")


Feed = Callable[[Frame], list[dict[str, Any]]]


def stream_response(request: Request, admitted: Admitted, feed: Feed) -> StreamingHttpResponse:
    """The run as server-sent events: whatever `feed` makes of each frame, then `[DONE]`."""
    return StreamingHttpResponse(
        _events(request, admitted, feed),
        content_type="text/event-stream; charset=utf-8",
        headers=STREAM_HEADERS,
    )


async def _events(request: Request, admitted: Admitted, feed: Feed) -> AsyncIterator[bytes]:
    quiet_since = time.monotonic()
    async with aclosing(frames_while_connected(request, admitted)) as frames:
        yield b": svend\n\n"  # sends the headers before the first token
        async for logged in frames:
            if logged is None:
                if time.monotonic() - quiet_since >= PING_SECONDS:
                    quiet_since = time.monotonic()
                    yield b": ping\n\n"
                continue
            frame = logged.parse()
            data = b"".join(sse(chunk) for chunk in feed(frame))
            if isinstance(frame.event, RunFailed):
                data += sse(failure_error(admitted, frame.event.code, frame.event.message).body())
            if data:
                quiet_since = time.monotonic()
                yield data
    yield sse("[DONE]")
