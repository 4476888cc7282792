"""The bell: runs' frames on the channel as they come, for readers in other processes.

One message is under way at a time in a process; what comes meanwhile goes with the run's next one, so that a busy
process or a slow Valkey makes larger messages instead of a queue. Never holds up the log; a lost message costs its
readers a look into PostgreSQL.
"""

import asyncio
import weakref
from typing import Any

import structlog

from backend.core.realtime import group_publish
from backend.runs.live import LoggedFrame

log = structlog.get_logger(__name__)

PUBLISH_TIMEOUT_SECONDS = 5.0  # a Valkey that hangs is a Valkey that is down
FRAMES_WAITING_MAX = 200  # of one run, 10 s of it; readers find the rest in the log


def run_group(run_id: str) -> str:
    return f"run.{run_id}"


def frames_of(payload: dict[str, Any]) -> list[LoggedFrame]:
    return [LoggedFrame(seq=seq, line=line, is_terminal=is_terminal) for seq, line, is_terminal in payload["frames"]]


class _Bell:
    def __init__(self) -> None:
        self._waiting: dict[str, list[LoggedFrame]] = {}  # run id -> its frames, the longest waiting run first
        self.task: asyncio.Task[None] | None = None

    def ring(self, run_id: str, frame: LoggedFrame) -> None:
        frames = self._waiting.setdefault(run_id, [])
        if len(frames) < FRAMES_WAITING_MAX or frame.is_terminal:
            frames.append(frame)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._publish(), name="bell")

    async def _publish(self) -> None:
        while self._waiting:
            run_id = next(iter(self._waiting))
            frames = self._waiting.pop(run_id)
            payload = {"frames": [(frame.seq, frame.line, frame.is_terminal) for frame in frames]}
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                    await group_publish(run_group(run_id), payload)
            except TimeoutError:
                log.warning("run.bell_lost", run_id=run_id, first_seq=frames[0].seq, num_frames=len(frames))


_bells: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell]" = weakref.WeakKeyDictionary()


async def bell_drain() -> None:
    """Waits until this loop's last message is sent: before a short-lived loop ends."""
    bell = _bells.get(asyncio.get_running_loop())
    if bell is not None and bell.task is not None:
        await asyncio.gather(bell.task, return_exceptions=True)


def bell_ring(run_id: str, frame: LoggedFrame) -> None:
    """Sends the frame to whoever listens elsewhere; at once when nothing is under way."""
    loop = asyncio.get_running_loop()
    _bells.setdefault(loop, _Bell()).ring(run_id, frame)
