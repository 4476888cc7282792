"""One line of a data file that jobs train on: a JSON object in one of the shapes that a job reads.

Read here by whoever looks at a file before a job does (the backend when it is stored) and by the job itself, so that
both refuse the same lines in the same words. Not here: tokens, what a row teaches (gpu_node/training/job_rows.py).
"""

import json
from typing import Any

LINE_BYTES_MAX = 1_048_576  # far above the longest row that a context holds
SHAPES = '{"question": …, "answer": …}, {"messages": […]} or {"text": …}'


class BadLine(ValueError):
    """`cure` is what a person can do about it."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def line_read(line: bytes) -> dict[str, Any]:
    """The line's object, in one of the shapes. Raises BadLine."""
    if len(line) > LINE_BYTES_MAX:
        raise BadLine(f"over {LINE_BYTES_MAX} bytes", "one JSON object a line")
    try:
        record = json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadLine(f"no JSON: {error}", f"one JSON object a line: {SHAPES}") from error
    if not isinstance(record, dict):
        raise BadLine(f"a {type(record).__name__}, no object", f"one JSON object a line: {SHAPES}")
    _shape_check(record)
    return record


def _shape_check(record: dict[str, Any]) -> None:
    if "messages" in record:
        if not isinstance(record["messages"], list) or not record["messages"]:
            raise BadLine("bad messages: no list with a message in it", "each message needs role and content")
        return
    for name in ("text",) if "text" in record else ("question", "answer"):
        text_of(record, name)


def text_of(record: dict[str, Any], name: str) -> str:
    """The column's text. Raises BadLine where it is missing, empty or no text."""
    value = record.get(name)
    if isinstance(value, str) and value:
        return value
    found = f"{name!r} is a {type(value).__name__}" if name in record else f"no column {name!r} (has {sorted(record)})"
    raise BadLine(found, f"each line is {SHAPES}")
