"""Following a run: every frame once and in order, from any `after_seq`, live or late, whatever is lost on the way.

PostgreSQL first, then live frames: from this process where it advances the run, else from the channel. A gap in
`seq`, or silence, sends the reader back to PostgreSQL; so a lost message costs at most POLL_SECONDS.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from backend.core.realtime import group_subscribed
from backend.core.threads import service_call
from backend.runs.bell import frames_of, run_group
from backend.runs.live import LoggedFrame, frames_heard, is_advanced_here
from backend.runs.services import frames_read, run_is_live

POLL_SECONDS = 1.0  # silence after which the log is read again
GAP_SECONDS = 0.3  # a live frame can be ahead of the log by one flush
READ_FRAMES_MAX = 500


class _Rung:
    """Frames from the channel, one by one."""

    def __init__(self, messages: "asyncio.Queue[dict[str, Any]]") -> None:
        self._messages = messages
        self._frames: deque[LoggedFrame] = deque()

    async def get(self) -> LoggedFrame:
        while not self._frames:
            self._frames.extend(frames_of(await self._messages.get()))
        return self._frames.popleft()


async def frames_follow(*, run_id: str, after_seq: int = 0) -> AsyncGenerator[LoggedFrame | None, None]:
    """Yields each frame after `after_seq` until the terminal one; None whenever POLL_SECONDS passed in silence."""
    seq = after_seq
    must_read, timeout_seconds = True, POLL_SECONDS
    async with AsyncExitStack() as stack:
        # Listen first, read second: what is published between the two would else be missed until the next poll.
        heard = stack.enter_context(frames_heard(run_id))
        rung: _Rung | None = None
        while True:
            if rung is None and not is_advanced_here(run_id):
                rung = _Rung(await stack.enter_async_context(group_subscribed(run_group(run_id))))
                must_read = True
            if must_read:
                # In this order: a run that ends between the two has its last frames read below.
                is_live = await service_call(run_is_live, run_id)
                frames = await _frames_after(run_id, seq)
                if not frames and not is_live:
                    return  # asked from the end, or from beyond it
                for frame in frames:
                    seq = frame.seq
                    yield frame
                    if frame.is_terminal:
                        return
            live = await _next_live(rung or heard, timeout_seconds)
            must_read, timeout_seconds = False, POLL_SECONDS
            if live is None:
                must_read = rung is not None
                yield None
            elif live.seq == seq + 1:
                seq = live.seq
                yield live
                if live.is_terminal:
                    return
            elif live.seq > seq + 1:
                must_read, timeout_seconds = True, GAP_SECONDS


async def _next_live(source: "asyncio.Queue[LoggedFrame] | _Rung", timeout_seconds: float) -> LoggedFrame | None:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await source.get()
    except TimeoutError:
        return None


async def _frames_after(run_id: str, after_seq: int) -> list[LoggedFrame]:
    frames: list[LoggedFrame] = []
    while page := await service_call(frames_read, run_id=run_id, after_seq=after_seq, limit=READ_FRAMES_MAX):
        frames += page
        after_seq = page[-1].seq
        if len(page) < READ_FRAMES_MAX:
            break
    return frames
