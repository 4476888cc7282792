"""The node's log: one line an event, as text or as JSON, with the ids of the request, run or job that it belongs to.

Every line goes through the standard library's loggers, so that a library's line looks like ours. The ids come from
contextvars: the caller's request id by `RequestIds`, a run's by the service that drives it. Not here: metrics.
"""

import logging
import re
import sys
from typing import Any, Literal

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

LogFormat = Literal["text", "json"]
REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")  # what is longer, or of other characters, is not logged


def logs_configure(log_format: LogFormat) -> None:
    """Sets up this process's log on stderr. `text` is for people, `json` for collectors."""
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=steps))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    structlog.configure(
        processors=[*steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class RequestIds:
    """Binds the caller's `x-request-id`: a run that the request starts keeps it to its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            clear_contextvars()
            given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
            if REQUEST_ID.fullmatch(given):
                bind_contextvars(request_id=given.decode("ascii"))
        await self._app(scope, receive, send)
