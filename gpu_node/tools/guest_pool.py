"""Keeps warm guests waiting, so that a call costs milliseconds and not an interpreter's start.

A guest that served its last call dies, and its successor is started at once; only `symbolic_math` guests have more
than one call to serve. Per tool there is a small shelf of waiting
guests, over all tools a bound on calls under way and on callers that wait: beyond it a caller is told `busy`.

What comes from a guest is hostile: bytes are capped, the reply is parsed with a schema, the wall limit is a SIGKILL
from here. Whether a call succeeded is decided by `executor` from what was read, never by the guest's word alone.

The seam for the pre-warmed fence to come: `call` is all that the executor knows of this class.
"""

import asyncio
import collections
import contextlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gpu_node.tools.capped_reader import CappedReader
from gpu_node.tools.guest import CALLS_MAX
from gpu_node.tools.sandbox import FenceUnavailable, GuestProcess, Identity, fence_command, guest_start

OUTPUT_BYTES_KEPT = 16_384  # what a model and a page can use
OUTPUT_BYTES_MAX = 8 << 20  # printed and thrown away before the call is ended: 1 MB and exit is still a success
REPLY_BYTES_MAX = 131_072  # of a guest's reply: 16 KiB of text, escaped
DIAGNOSTICS_BYTES_KEPT = 4_096  # of bwrap's and the interpreter's own complaints
START_SECONDS_MAX = 60.0  # imports take 0.3 s, took 9 s at a load of 12 on two cores; slower than this is broken
WAITING_CALLS_MAX = 64  # callers in the queue, some 10 s of work on two cores; the next is told busy
DRAIN_SECONDS = 0.25  # after a reply, for output that is still in the pipe
STARTS_FAILED_MAX = 3  # in a row, before a call is told that the fence is broken


class GuestReply(BaseModel):
    """What a guest may say: a program can forge it, so it holds nothing but a status and a text."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok", "error", "refused", "memory"]
    text: str
    is_last: bool


class PoolBusy(RuntimeError):
    """More callers wait than the queue holds."""


@dataclass(frozen=True)
class GuestAnswer:
    """What was read of one call."""

    reply: GuestReply | None  # None when the guest ended without one, or broke it
    output: bytes
    output_is_truncated: bool
    is_timeout: bool
    is_flood: bool
    exit_code: int | None  # of bwrap: 128 + n when a signal n ended the program
    wall_ms: float


@dataclass
class _Guest:
    tool: str
    process: GuestProcess
    output: CappedReader
    diagnostics: CappedReader
    channel: CappedReader

    def serves_on(self, reply: GuestReply | None) -> bool:
        """Whether it waits for another call. A guest that ran a program has no say in this."""
        return CALLS_MAX[self.tool] > 1 and reply is not None and not reply.is_last


class GuestPool:
    """Guests of one fence. `start` before, `close` after; both are safe to repeat."""

    def __init__(self, *, identity: Identity, shelves: dict[str, int], concurrent_calls_max: int) -> None:
        self._command = fence_command(identity)
        self._sizes = shelves
        self._shelves: dict[str, collections.deque[asyncio.Future[_Guest]]] = {
            tool: collections.deque() for tool in shelves
        }
        self._slots = asyncio.Semaphore(concurrent_calls_max)
        self._num_waiting = 0
        # One thread that lives as long as the pool: bwrap's --die-with-parent follows the thread that started it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fence")
        self._ended: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self) -> None:
        for tool in self._sizes:
            self._refill(tool)

    async def close(self) -> None:
        self._is_closed = True
        for shelf in self._shelves.values():
            while shelf:
                await self._discard(shelf.popleft())
        await asyncio.gather(*self._ended, return_exceptions=True)
        self._starter.shutdown(wait=True)

    async def call(self, tool: str, request: bytes, *, timeout_seconds: float) -> GuestAnswer:
        """Runs one call. The clock starts when a guest is ready, so waiting in the queue costs the caller no time.

        Raises:
            PoolBusy: the queue is full.
            FenceUnavailable: guests cannot be started any more.
        """
        if self._num_waiting >= WAITING_CALLS_MAX:
            raise PoolBusy(f"{self._num_waiting} calls are waiting already")
        self._num_waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._num_waiting -= 1
        try:
            guest = await self._take(tool)
            is_kept = False
            try:
                answer = await _serve(guest, request, timeout_seconds)
                is_kept = self._put_back(guest, answer)
                return answer
            finally:
                if not is_kept:
                    self._end(guest)
                self._refill(tool)
        finally:
            self._slots.release()

    async def _take(self, tool: str) -> _Guest:
        reason = ""
        for _ in range(STARTS_FAILED_MAX):
            self._refill(tool)
            task = self._shelves[tool].popleft()
            try:
                guest = await asyncio.shield(task)
            except asyncio.CancelledError:
                self._track(self._discard(task))
                raise
            except FenceUnavailable as error:
                reason = str(error)
                continue
            if CALLS_MAX[tool] == 1:
                self._refill(tool)  # its successor starts while it works
            if guest.process.process.poll() is None and not guest.channel.is_ended:
                return guest
            self._end(guest)  # it died while it waited, as after a kill from outside: the next one serves
        raise FenceUnavailable(reason or "waiting guests keep dying")

    def _put_back(self, guest: _Guest, answer: GuestAnswer) -> bool:
        """Whether the guest waits for its next call; anything odd ends it."""
        if self._is_closed or not guest.serves_on(answer.reply) or guest.output.num_bytes or guest.channel.kept:
            return False
        waiting: asyncio.Future[_Guest] = asyncio.get_running_loop().create_future()
        waiting.set_result(guest)
        self._shelves[guest.tool].appendleft(waiting)
        return True

    def _refill(self, tool: str) -> None:
        shelf = self._shelves[tool]
        while not self._is_closed and len(shelf) < self._sizes[tool]:
            shelf.append(asyncio.create_task(self._start_one(tool)))

    async def _start_one(self, tool: str) -> _Guest:
        loop = asyncio.get_running_loop()
        try:
            process = await loop.run_in_executor(self._starter, guest_start, self._command, tool)
        except OSError as error:
            raise FenceUnavailable(f"a guest cannot be started: {error}") from error
        guest = _Guest(
            tool=tool,
            process=process,
            output=CappedReader(process.output_fd, OUTPUT_BYTES_KEPT),
            diagnostics=CappedReader(process.diagnostics_fd, DIAGNOSTICS_BYTES_KEPT),
            channel=CappedReader(process.channel.fileno(), REPLY_BYTES_MAX),
        )
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await guest.channel.line()
        except TimeoutError:
            pass  # told below, with what it said
        if guest.channel.take_line() == b"ready":
            return guest
        said = guest.diagnostics.kept.decode(errors="replace").strip()[-500:]
        self._end(guest)
        raise FenceUnavailable(f"a guest does not start: {said or 'no reason given'}")

    async def _discard(self, task: asyncio.Future[_Guest]) -> None:
        with contextlib.suppress(FenceUnavailable):
            self._end(await task)

    def _end(self, guest: _Guest) -> None:
        for reader in (guest.output, guest.diagnostics, guest.channel):
            reader.close()
        guest.process.close()
        # Reaping waits for the namespaces to be torn down: some milliseconds, not the caller's.
        self._track(asyncio.to_thread(_reap, guest.process))

    def _track(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._ended.add(task)
        task.add_done_callback(self._ended.discard)


def _reap(process: GuestProcess) -> None:
    process.process.wait()


def _parsed(line: bytes | None) -> GuestReply | None:
    try:
        return GuestReply.model_validate_json(line) if line is not None else None
    except ValidationError:
        return None


async def _serve(guest: _Guest, request: bytes, timeout_seconds: float) -> GuestAnswer:
    started = time.monotonic()
    loop = asyncio.get_running_loop()
    is_timeout = False
    guest.output.flood_bytes = OUTPUT_BYTES_MAX
    reply_or_flood = [asyncio.ensure_future(guest.channel.line()), asyncio.ensure_future(guest.output.flood())]
    try:
        async with asyncio.timeout(timeout_seconds):
            with contextlib.suppress(OSError):  # it died before it read: seen as the end of its channel
                await loop.sock_sendall(guest.process.channel, request + b"\n")
            await asyncio.wait(reply_or_flood, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        is_timeout = True
    finally:
        for waiter in reply_or_flood:
            waiter.cancel()
    wall_ms = (time.monotonic() - started) * 1000
    reply = None if is_timeout else _parsed(guest.channel.take_line())
    is_flood = guest.output.num_bytes > OUTPUT_BYTES_MAX
    exit_code = None
    if reply is None and not is_timeout and not is_flood:
        with contextlib.suppress(subprocess.TimeoutExpired):
            exit_code = await asyncio.to_thread(guest.process.process.wait, 1.0)
    if not guest.serves_on(reply):
        guest.process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await guest.output.end()
    return GuestAnswer(
        reply=reply,
        output=bytes(guest.output.kept),
        output_is_truncated=guest.output.num_bytes > len(guest.output.kept),
        is_timeout=is_timeout,
        is_flood=is_flood,
        exit_code=exit_code,
        wall_ms=wall_ms,
    )
