"""A job's own log: protocol job events as JSON lines on disk, and a progress bar on a terminal.

A line is `{"at_ms": …, "event": …}`, written whole by one append, so that the job's process, its shim and the node's
server may all add to one file. Its number in an attempt (`seq`) is its place among the lines.
Not here: sending them anywhere. Whoever follows a job reads the file (gpu_node/server/job_store.py).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from tqdm import tqdm

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.job_frames import JOB_TERMINAL_TYPES, LOG_TEXT_BYTES_MAX, JobEvent

TAIL_BYTES = 262_144  # after a terminal event come a few lines at most: it lies within so much of a file's end

job_event_adapter: TypeAdapter[JobEvent] = TypeAdapter(JobEvent)


class JobLine(Wire):
    at_ms: int
    event: JobEvent


class JobLog:
    """`kinds`: only events of these types are written (what a gang's other ranks have to add); None: all. `reporter`
    hears each event after it is written."""

    def __init__(
        self,
        path: Path,
        *,
        echo: bool = True,
        kinds: frozenset[str] | None = None,
        reporter: Callable[[JobEvent], None] | None = None,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._echo, self._kinds, self._reporter = path, echo, kinds, reporter

    def write(self, kind: str, **fields: Any) -> None:
        """Raises pydantic's ValidationError for what is no job event."""
        if kind == "log" and "message" in fields:
            message = fields.pop("message")
            fields = {"text": f"{message} {json.dumps(fields)}" if fields else message}
        self.append(job_event_adapter.validate_python({"type": kind, **fields}))

    def append(self, event: JobEvent) -> None:
        if self._kinds is not None and event.type not in self._kinds:
            return
        line = JobLine(at_ms=time.time_ns() // 1_000_000, event=event).model_dump_json()
        line_append(self._path, line.encode())
        if self._echo:
            tqdm.write(line, file=sys.stdout)
        if self._reporter is not None:
            self._reporter(event)

    def bar(self, total: int, done: int, *, shown: bool) -> tqdm:
        """`shown` asks for a bar; it appears on a terminal only, so that log files stay readable."""
        return tqdm(total=total, initial=done, unit="step", disable=not (shown and sys.stderr.isatty()))


def line_append(path: Path, line: bytes) -> None:
    """One whole line at the file's end. Raises OSError; what a full disk took of it is closed off by the next one."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.fstat(descriptor).st_size
        is_torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        data = (b"\n" if is_torn else b"") + line + b"\n"
        if os.write(descriptor, data) != len(data):
            raise OSError(28, f"{path.name}: the disk took only a part of a line")
    finally:
        os.close(descriptor)


def line_parse(line: bytes) -> JobLine | None:
    """None for a line that a crash or a full disk tore."""
    try:
        return JobLine.model_validate_json(line)
    except ValidationError:
        return None


def has_terminal(path: Path) -> bool:
    """Whether a job's log already has its end."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        parsed = [line_parse(line) for line in file.read().splitlines()]
    return any(line is not None and line.event.type in JOB_TERMINAL_TYPES for line in parsed)


def last_step(path: Path) -> int:
    """The step that a job's log told last; 0 before the first."""
    step = 0
    if path.exists():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            for line in filter(None, map(line_parse, file.read().splitlines())):
                step = max(step, getattr(line.event, "step", 0))
    return step


def text_cut(text: str) -> str:
    """The end of a text, within what one log frame may hold."""
    return text.encode()[-LOG_TEXT_BYTES_MAX:].decode("utf-8", "ignore")
