"""What a call shows besides its text: a figure, a formula, its steps. For the trace; the model never reads it.

A tool calls `attach` and returns its text as ever. Outside `collecting` nothing is kept, so training data and tests
pay for nothing; `is_wanted` lets a tool skip what is costly to make. Bounded in number and size: what does not fit is
left out, and said so.

The guest's side is here, standard library only. The node takes what comes out for hostile and lets through only what
`attachment_check` passes.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Literal

ATTACHMENTS_MAX = 8  # the wire's own limits (gpu_node.protocol.frames), which a guest cannot import
ATTACHMENTS_BYTES_MAX = 120_000  # of their data as JSON
TITLE_CHARACTERS_MAX = 120

Kind = Literal["png", "svg", "latex", "text"]


@dataclass(frozen=True)
class Attachment:
    kind: Kind
    title: str
    data: str  # base64 for "png", else text


_collected: ContextVar[list[Attachment] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[Attachment]]:
    """What is attached meanwhile, in order."""
    found: list[Attachment] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def is_wanted() -> bool:
    return _collected.get() is not None


def bytes_left() -> int:
    """How much may still be attached to this call."""
    found = _collected.get() or []
    return 0 if len(found) >= ATTACHMENTS_MAX else ATTACHMENTS_BYTES_MAX - sum(_size(one.data) for one in found)


def attach(kind: Kind, title: str, data: str | bytes) -> bool:
    """Adds one to the call under way; false when it does not fit or nobody collects."""
    found = _collected.get()
    text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    if found is None or _size(text) > bytes_left():
        return False
    found.append(Attachment(kind=kind, title=title[:TITLE_CHARACTERS_MAX], data=text))
    return True


def _size(data: str) -> int:
    return len(json.dumps(data))


def as_json(found: list[Attachment]) -> list[dict[str, Any]]:
    return [asdict(one) for one in found]
