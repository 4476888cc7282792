"""Reads a pipe or socket of a guest on the event loop, keeping no more than a cap, whatever is sent.

Bytes beyond the cap are read and thrown away, so that a guest that prints much does not hang on a full pipe; their
number is counted. Works on any asyncio loop, uvloop too: only `add_reader` is used.
"""

import asyncio
import os
from collections.abc import Callable

_READ_BYTES = 65_536  # a pipe's default capacity


class CappedReader:
    """One descriptor, non-blocking and owned by the caller, who closes this reader before it."""

    def __init__(self, descriptor: int, bytes_kept: int) -> None:
        self._descriptor = descriptor
        self._bytes_kept = bytes_kept
        self.kept = bytearray()
        self.num_bytes = 0
        self.flood_bytes: int | None = None
        self.is_ended = False
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._on_readable)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a reset socket is an end like any other
        if not data:
            self._stop()
        self.num_bytes += len(data)
        self.kept += data[: self._bytes_kept - len(self.kept)]
        self._changed.set()

    def _stop(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._loop.remove_reader(self._descriptor)

    def close(self) -> None:
        self._stop()
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def line(self) -> None:
        """Returns when a whole line is there, or no more can come."""
        await self._until(lambda: b"\n" in self.kept or self.is_ended or self.num_bytes > self._bytes_kept)

    async def flood(self) -> None:
        """Returns when more than `flood_bytes` were read; never otherwise."""
        await self._until(lambda: self.flood_bytes is not None and self.num_bytes > self.flood_bytes)

    async def end(self) -> None:
        await self._until(lambda: self.is_ended)

    def take_line(self) -> bytes | None:
        """The first line, without its end, taken out; None when there is none."""
        line, newline, _ = bytes(self.kept).partition(b"\n")
        if not newline:
            return None
        del self.kept[: len(line) + 1]
        self.num_bytes -= len(line) + 1
        return line
