"""One run's append-only log: frames on disk first, then in memory for its readers.

A frame reaches a reader only after `write()` of its line returned, so a killed server loses no frame that
anybody saw. Not here: which runs exist (`run_store`), what makes the events (`run_service`). Invariants: `seq`
runs from 1 without gaps; nothing follows a terminal frame; a line half written is cut off again.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from pydantic import ValidationError

from gpu_node.protocol.frames import (
    FRAME_BYTES_MAX,
    Frame,
    FrameCorrupt,
    RunEvent,
    Usage,
    frame_dump,
    frame_make,
    frame_parse,
)

READ_BYTES_MAX = 262_144  # handed to a reader at once: a late reader of a long run does not copy it whole


class LogCorrupt(ValueError):
    """A line in the middle of a log does not parse or fails its CRC."""


class LogBroken(RuntimeError):
    """The log cannot be continued now (disk full, I/O error): its readers must come back later."""


class RunLog:
    """Open for appending until its terminal frame."""

    def __init__(self, path: Path, *, run_id: str, epoch: int) -> None:
        self.path = path
        self.run_id = run_id
        self.epoch = epoch
        self.lines: list[bytes] = []  # line k holds seq k + 1, newline included
        self.usage = Usage()
        self.terminal: Frame | None = None
        self.is_broken = False
        self._num_bytes = 0
        self._changed = asyncio.Event()

    @property
    def is_complete(self) -> bool:
        return self.terminal is not None

    def append(self, event: RunEvent, usage: Usage) -> Frame:
        """Writes one frame, then shows it to the readers. Raises OSError: nothing was appended."""
        assert not self.is_complete, "a frame after the terminal one"
        frame = frame_make(
            run_id=self.run_id,
            epoch=self.epoch,
            seq=len(self.lines) + 1,
            at_ms=time.time_ns() // 1_000_000,
            usage=usage,
            event=event,
        )
        line = frame_dump(frame).encode() + b"\n"
        if len(line) > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {len(line)} bytes; at most {FRAME_BYTES_MAX}")
        self._write(line)
        self._take(frame, line)
        return frame

    def _write(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(f"{self.path.name}: the disk took only a part of a frame")
        except OSError:
            os.ftruncate(descriptor, self._num_bytes)
            raise
        finally:
            os.close(descriptor)

    def _take(self, frame: Frame, line: bytes) -> None:
        self.lines.append(line)
        self._num_bytes += len(line)
        self.usage = frame.usage
        if frame.is_terminal:
            self.terminal = frame
        self.wake()

    def wake(self) -> None:
        """Tells the readers that something changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def break_off(self) -> None:
        self.is_broken = True
        self.wake()

    async def follow(self, *, after: int, heartbeat_seconds: float) -> AsyncGenerator[bytes, None]:
        """Lines after `seq` = `after`, then new ones as they come; an empty line when none came for a while.

        Raises LogBroken when the log cannot be continued; ends after the terminal frame.
        """
        place = after
        while True:
            while place < len(self.lines):
                batch, place = self._batch(place)
                yield batch
            if self.is_complete:
                return
            if self.is_broken:
                raise LogBroken(f"the log of run {self.run_id!r} cannot be written")
            changed = self._changed
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    await changed.wait()
            except TimeoutError:
                yield b"\n"

    def _batch(self, start: int) -> tuple[bytes, int]:
        end, num_bytes = start, 0
        while end < len(self.lines) and (end == start or num_bytes + len(self.lines[end]) <= READ_BYTES_MAX):
            num_bytes += len(self.lines[end])
            end += 1
        return b"".join(self.lines[start:end]), end

    @classmethod
    def load(cls, path: Path, *, run_id: str, epoch: int) -> "RunLog":
        """Reads a log from disk, each line checked. A torn last line is cut off, on disk too.

        Raises LogCorrupt: a line in the middle is damaged.
        """
        log = cls(path, run_id=run_id, epoch=epoch)
        data = path.read_bytes()
        for line in data.splitlines(keepends=True):
            try:
                frame = frame_parse(line)
                is_good = line.endswith(b"\n") and frame.seq == len(log.lines) + 1
            except (ValidationError, FrameCorrupt):
                is_good = False
            if not is_good:
                if log._num_bytes + len(line) < len(data):
                    raise LogCorrupt(f"{path.name}: line {len(log.lines) + 1} is damaged")
                os.truncate(path, log._num_bytes)
                break
            log._take(frame, line)
        return log
