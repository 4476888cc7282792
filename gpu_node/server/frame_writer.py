"""Puts a run's events into its log: text deltas are joined to at most 20 frames a second, all else goes at once.

Not here: what the events are. Invariants: a step's events keep their order, and branches at work at the same time wait
for each other's deltas no more than it takes to keep the rate; a frame carries the usage of its last event or later.
"""

import asyncio
from collections.abc import Callable

from gpu_node.protocol.frames import TERMINAL_TYPES, RunEvent, StepClose, StepDelta, Usage
from gpu_node.server.run_log import RunLog

FLUSH_SECONDS = 0.05  # 20 frames a second: as fast as an eye reads, and few enough to copy into a database
DELTA_CHARACTERS_MAX = 8192  # a joined delta stays far below FRAME_BYTES_MAX


class FrameWriter:
    def __init__(
        self, log: RunLog, *, on_written: Callable[[RunLog], None], on_error: Callable[[OSError], None]
    ) -> None:
        self._log = log
        self._on_written = on_written
        self._on_error = on_error  # for writes that a timer makes: nobody waits for those
        self._loop = asyncio.get_running_loop()
        self._pieces: dict[int, list[str]] = {}  # by step, the one that has waited longest first
        self._usage = Usage()
        self._wait_until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def add(self, event: RunEvent, usage: Usage) -> None:
        """Raises OSError when the log cannot be written."""
        self._usage = usage
        if not isinstance(event, StepDelta):
            self._flush_before(event)
            self._append(event, usage)
            return
        pieces = self._pieces.setdefault(event.step_id, [])
        if sum(map(len, pieces)) + len(event.text) > DELTA_CHARACTERS_MAX:
            self._flush_step(event.step_id)
            pieces = self._pieces.setdefault(event.step_id, [])
        pieces.append(event.text)
        wait_seconds = self._wait_until - self._loop.time()
        if wait_seconds <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_seconds, self._flush_late)

    def _flush_before(self, event: RunEvent) -> None:
        """Other steps' text may wait on; nothing follows the terminal frame."""
        if isinstance(event, StepClose):
            self._flush_step(event.step_id)
        elif event.type in TERMINAL_TYPES:
            self.flush()

    def flush(self) -> None:
        self._timer_stop()
        num_frames = len(self._pieces)
        if num_frames:
            self._wait_until = self._loop.time() + num_frames * FLUSH_SECONDS
        for step_id in list(self._pieces):
            self._flush_step(step_id)

    def _flush_step(self, step_id: int) -> None:
        pieces = self._pieces.pop(step_id, [])
        if pieces:
            self._append(StepDelta(step_id=step_id, text="".join(pieces)), self._usage)

    def discard(self) -> None:
        """Drops what waits: the log is broken."""
        self._timer_stop()
        self._pieces = {}

    def _timer_stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush_late(self) -> None:
        self._timer = None
        try:
            self.flush()
        except OSError as error:
            self._on_error(error)

    def _append(self, event: RunEvent, usage: Usage) -> None:
        self._log.append(event, usage)
        self._on_written(self._log)
