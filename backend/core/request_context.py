"""The id of the request on whose behalf code runs: in every log line, and handed on to Celery and to nodes.

A request gets it at the door (middleware), a task from the message that woke it, an advancing run from its row, and a
node from the header of each call. Not here: tracing (telemetry.py), which needs a collector; the id needs none.
"""

import re

from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

REQUEST_ID_HEADER = "x-request-id"
REQUEST_ID_CHARS_MAX = 64
_PATTERN = re.compile(rf"[A-Za-z0-9_.-]{{1,{REQUEST_ID_CHARS_MAX}}}")


def request_id_is_plain(given: str) -> bool:
    """Whether a foreign id may stand in our logs and headers: short, and of plain characters."""
    return _PATTERN.fullmatch(given) is not None


def request_id_begin(request_id: str, **also: str) -> None:
    """Forgets the context of what ran here before; every log line from here on carries the id, and `also`."""
    clear_contextvars()
    bind_contextvars(request_id=request_id, **also)


def request_id_now() -> str:
    """Empty outside a request and what it set off (a command, a tick)."""
    found: str = get_contextvars().get("request_id", "")
    return found
