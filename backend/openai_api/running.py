"""From a parsed request to a run that is under way, and from its frames to the answer; shared by /v1's doors.

Client gone: the run is stopped within a second and what was made is billed, unless the request carried an
Idempotency-Key (its sender means to come back for the answer) or ran in the background.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.http import StreamingHttpResponse

from backend.core.errors import ApplicationError, ServiceUnavailable
from backend.core.threads import service_call
from backend.metering.idempotency import request_sha256
from backend.metering.limits import limits_settle
from backend.metering.services import InsufficientFunds
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import model_resolve, nodes_for, snapshot, tools_check
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


async def version_ready(name: str | None, *, tools: Sequence[str] = (), param: str = "tools[{}]") -> ModelVersion:
    """The version that `name` means, with a node that answers for it.

    Raises ModelNotFound, ModelNotReady; ApplicationError: a tool that no node has.
    """
    registry = await snapshot()
    version = model_resolve(registry, name)
    tools_check(registry, tools, param=param)
    await nodes_for(version.name)
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
    admission = asyncio.ensure_future(service_call(run_admit, caller=request.caller, request=asked))
    try:
        admitted = await asyncio.shield(admission)
    except asyncio.CancelledError:
        # The client left while the thread was at it: the run may stand in a moment, and nobody would stop it.
        admission.add_done_callback(_run_abandon)
        raise
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


def _run_abandon(admission: "asyncio.Future[Admitted]") -> None:
    if admission.exception() is None and admission.result().is_new:
        _spawn(_run_end_unstarted(admission.result().run.id))


async def _run_end_unstarted(run_id: str) -> None:
    await run_cancel(run_id)
    await advance_spawn(run_id)


def _limits_give_back(request: Request, admitted: Admitted) -> None:
    def settle() -> None:
        run = Run.objects.only("prompt_tokens", "completion_tokens").get(id=admitted.run.id)
        used = run.prompt_tokens + run.completion_tokens
        limits_settle(request.caller, reserved_tokens=admitted.bound_tokens, used_tokens=used)

    _spawn(service_call(settle))


@dataclass
class Watch:
    is_ended: bool = False


@contextmanager
def stopped_if_left(request: Request, run_id: str) -> Iterator[Watch]:
    """Stops the run when the block is left before its `is_ended` is set: the client went away."""
    watch = Watch()
    try:
        yield watch
    finally:
        # By cancellation or a closed generator: the stop needs a task of its own.
        if not watch.is_ended and "idempotency-key" not in request.headers:
            log.info("run.client_gone", run_id=run_id)
            _spawn(run_cancel(run_id))


async def projection_finished(request: Request, admitted: Admitted) -> RunProjection:
    """Waits for the run's end. Raises the run's failure in the public shape."""
    projection = RunProjection(model=admitted.run.model)
    run_id = admitted.run.id
    with stopped_if_left(request, run_id) as watch:
        async with aclosing(frames_follow(run_id=run_id)) as frames:
            async for logged in frames:
                if logged is not None:
                    projection.apply(logged.parse())
        watch.is_ended = True
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
    if code == "no_critic":
        return ApplicationError(message, code=code, param="search.strategy")
    if code == "invalid_spec":
        return ApplicationError(message, code="invalid_value")
    if code in PASSING_CODES:
        return ServiceUnavailable(f"{message} Nothing was charged.", code=code)
    return ApplicationError(f"{message} Nothing was charged.", code=code, status=500, type="server_error")


Feed = Callable[[LoggedFrame], bytes]
Last = Callable[[], Awaitable[bytes]]


def chunk_feed(admitted: Admitted, chunks_of: Callable[[Frame], list[dict[str, Any]]]) -> Feed:
    """OpenAI's stream: the projector's chunks, and a failure as an error event."""

    def feed(logged: LoggedFrame) -> bytes:
        frame = logged.parse()
        data = b"".join(sse(chunk) for chunk in chunks_of(frame))
        if isinstance(frame.event, RunFailed):
            data += sse(failure_error(admitted, frame.event.code, frame.event.message).body())
        return data

    return feed


async def stream_response(
    request: Request, admitted: Admitted, feed: Feed, last: Last | None = None
) -> StreamingHttpResponse:
    """The run as server-sent events: what `feed` makes of each frame, what `last` says, then `[DONE]`."""
    events = _events_of_own_run(request, admitted.run.id, feed, last)
    return sse_response(Primed(await anext(events), events))


async def _events_of_own_run(
    request: Request, run_id: str, feed: Feed, last: Last | None
) -> AsyncGenerator[bytes, None]:
    with stopped_if_left(request, run_id) as watch:
        async with aclosing(frame_events(run_id, 0, feed)) as events:
            async for event in events:
                yield event
        watch.is_ended = True
    if last is not None:
        yield await last()
    yield sse("[DONE]")


async def frame_events(run_id: str, after_seq: int, feed: Feed) -> AsyncGenerator[bytes, None]:
    """A run's frames as events, with a comment at the start and in silences."""
    quiet_since = time.monotonic()
    yield b": svend\n\n"  # sends the headers before the first token
    async with aclosing(frames_follow(run_id=run_id, after_seq=after_seq)) as frames:
        async for logged in frames:
            data = feed(logged) if logged is not None else b""
            if not data and time.monotonic() - quiet_since >= PING_SECONDS:
                data = b": ping\n\n"
            if data:
                quiet_since = time.monotonic()
                yield data


def sse_response(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8", headers=STREAM_HEADERS)


class Primed:
    """A generator that has begun: one that never began would not run its `finally` when the client has left."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def __aiter__(self) -> "Primed":
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await anext(self._rest)
