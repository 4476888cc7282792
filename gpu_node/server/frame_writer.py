"""Puts a run's events into its log: text deltas are joined to at most 20 frames a second, all else goes at once.

Not here: what the events are. Invariant: events keep their order; a joined delta carries the usage of its last.
"""

import asyncio
from collections.abc import Callable

from gpu_node.protocol.frames import RunEvent, StepDelta, Usage
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
        self._step_id = 0
        self._pieces: list[str] = []
        self._usage = Usage()
        self._flushed_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def add(self, event: RunEvent, usage: Usage) -> None:
        """Raises OSError when the log cannot be written."""
        if not isinstance(event, StepDelta):
            self.flush()
            self._append(event, usage)
            return
        if event.step_id != self._step_id or sum(map(len, self._pieces)) > DELTA_CHARACTERS_MAX:
            self.flush()
        self._step_id, self._usage = event.step_id, usage
        self._pieces.append(event.text)
        wait_seconds = self._flushed_at + FLUSH_SECONDS - self._loop.time()
        if wait_seconds <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_seconds, self._flush_late)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pieces:
            text, self._pieces = "".join(self._pieces), []
            self._flushed_at = self._loop.time()
            self._append(StepDelta(step_id=self._step_id, text=text), self._usage)

    def discard(self) -> None:
        """Drops what waits: the log is broken."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pieces = []

    def _flush_late(self) -> None:
        self._timer = None
        try:
            self.flush()
        except OSError as error:
            self._on_error(error)

    def _append(self, event: RunEvent, usage: Usage) -> None:
        self._log.append(event, usage)
        self._on_written(self._log)
