"""Gives every request an id: in the log's lines, in `x-request-id` of every answer, errors and streams too.

The caller's own id is taken when it is short and plain, else a new one is made.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from backend.core.audit import actor_set
from backend.core.ids import request_id_make
from backend.core.metrics import v1_answered
from backend.core.request_context import request_id_begin, request_id_is_plain

log = structlog.get_logger(__name__)

_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def _begin(request: HttpRequest) -> float:
    given = request.headers.get("x-request-id", "")
    request_id = given if request_id_is_plain(given) else request_id_make()
    request.request_id = request_id  # type: ignore[attr-defined]
    request_id_begin(request_id)
    actor_set("")
    return time.monotonic()


def _end(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    wall_ms = round((time.monotonic() - started) * 1000)
    response.headers["x-request-id"] = request.request_id  # type: ignore[attr-defined]
    if request.path.startswith("/v1/"):
        v1_answered(path=request.path, status=response.status_code, seconds=wall_ms / 1000)
        response.headers["openai-version"] = "2020-10-01"
        response.headers["openai-processing-ms"] = str(wall_ms)
        response.headers["x-content-type-options"] = "nosniff"
    if request.path not in _QUIET_PATHS:
        log.info("request", method=request.method, path=request.path, status=response.status_code, wall_ms=wall_ms)
    return response


class request_id:
    """Middleware for both worlds; in the async one it never leaves the event loop."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        started = _begin(request)
        return _end(request, self.get_response(request), started)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        started = _begin(request)
        return _end(request, await self.get_response(request), started)
