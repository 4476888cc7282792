"""Live frames within this process: who follows a run here, and which runs are advanced here.

A bell, not a log: a reader that is too slow loses frames from its queue, sees the gap in `seq` and reads
PostgreSQL. Used only on the event loop's thread.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gpu_node.protocol.frames import Frame, frame_parse

# A reader this many frames behind (50 s at the node's 20 a second) reads the log instead.
QUEUE_FRAMES_MAX = 1000


@dataclass(frozen=True, kw_only=True)
class LoggedFrame:
    """A frame as the log keeps it: the node's line to the letter, with what readers need to order it."""

    seq: int
    line: str
    is_terminal: bool
    frame: Frame | None = field(default=None, repr=False, compare=False)  # where it was parsed in this process

    def parse(self) -> Frame:
        return self.frame or frame_parse(self.line)


def logged(frame: Frame, line: str) -> LoggedFrame:
    return LoggedFrame(seq=frame.seq, line=line, is_terminal=frame.is_terminal, frame=frame)


_queues: dict[str, set[asyncio.Queue[LoggedFrame]]] = {}
_advanced: Counter[str] = Counter()


def is_advanced_here(run_id: str) -> bool:
    """True while a task of this process is on the run: its readers need no channel."""
    return _advanced[run_id] > 0


def advanced_here_begin(run_id: str) -> None:
    _advanced[run_id] += 1


def advanced_here_end(run_id: str) -> None:
    _advanced[run_id] -= 1
    if _advanced[run_id] == 0:
        del _advanced[run_id]


@contextmanager
def frames_heard(run_id: str) -> Iterator[asyncio.Queue[LoggedFrame]]:
    queue: asyncio.Queue[LoggedFrame] = asyncio.Queue(maxsize=QUEUE_FRAMES_MAX)
    _queues.setdefault(run_id, set()).add(queue)
    try:
        yield queue
    finally:
        _queues[run_id].discard(queue)
        if not _queues[run_id]:
            del _queues[run_id]


def frame_ring(run_id: str, frame: LoggedFrame) -> None:
    for queue in _queues.get(run_id, ()):
        if not queue.full():  # else the reader finds the gap and reads the log
            queue.put_nowait(frame)
