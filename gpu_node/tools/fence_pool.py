"""Keeps zygotes ready, so that a call costs milliseconds and not an interpreter's start.

A zygote serves one call at a time, each in a forked guest that ends with it. One more zygote is kept than calls may be
under way: it takes the place of one that was killed, did something odd or served its share, while a successor starts.
Over all tools there is a bound on calls under way and on callers that wait: beyond it a caller is told `busy`.

What comes from a guest is hostile: bytes are capped and the reply is parsed with a schema. The zygote kills at the wall
limit; should it not, this side ends the zygote a little later. Whether a call succeeded is decided by `executor` from
what was read, never by the guest's word alone.
"""

import asyncio
import collections
import contextlib
import itertools
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpu_node.protocol.frames import ATTACHMENTS_MAX, ToolAttachment
from gpu_node.tools.capped_reader import CappedReader
from gpu_node.tools.sandbox import FenceUnavailable, FenceWay, ZygoteProcess, zygote_start

OUTPUT_BYTES_KEPT = 16_384  # what a model and a page can use
OUTPUT_BYTES_MAX = 8 << 20  # printed and thrown away before the call is ended: 1 MB and exit is still a success
REPLY_BYTES_MAX = 262_144  # of a guest's reply: 16 KiB of text and 117 KiB of attachments, escaped
MESSAGE_BYTES_MAX = 1_024  # of a zygote's messages that were not taken yet; one has 60
DIAGNOSTICS_BYTES_KEPT = 4_096  # of bwrap's and the interpreter's own complaints
START_SECONDS_MAX = 60.0  # imports take 0.6 s, took 9 s at a load of 12 on two cores; slower than this is broken
WAITING_CALLS_MAX = 64  # callers in the queue, some 10 s of work on two cores; the next is told busy
DRAIN_SECONDS = 0.25  # after a reply, for output that is still in the pipe
EXIT_SECONDS = 1.0  # for the end of a guest that closed its channel without a reply
LATE_SECONDS = 3.0  # after the wall limit, which the zygote enforces, before the zygote itself is ended
END_SECONDS_MAX = 3.0  # for a zygote to report a call's end once it was told to stop: a kill and a wait
CALLS_MAX = 1_000  # of one zygote, so that nothing can pile up in it
STARTS_FAILED_MAX = 3  # in a row, before a call is told that the fence is broken


class GuestReply(BaseModel):
    """What a guest may say: a program can forge it, so it holds nothing but a status, a text and what to show."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok", "error", "refused", "memory"]
    text: str
    attachments: list[ToolAttachment] = Field(default=[], max_length=ATTACHMENTS_MAX)


class _CallEnd(BaseModel):
    """What a zygote says when a call's guest is gone."""

    model_config = ConfigDict(extra="forbid")

    call: int
    exit_code: int
    is_timeout: bool


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
    exit_code: int | None  # 128 + n when a signal n ended the program
    wall_ms: float
    is_lost: bool = False  # the zygote died under the call: no fault of the program's


@dataclass(eq=False)
class Zygote:
    process: ZygoteProcess
    control: CappedReader
    diagnostics: CappedReader
    num_calls: int = 0
    is_odd: bool = False  # serves no more
    watcher: asyncio.Task[None] | None = None

    @property
    def is_usable(self) -> bool:
        is_alive = self.process.process.poll() is None and not self.control.is_ended
        return is_alive and not self.is_odd and not self.control.kept and self.num_calls < CALLS_MAX

    def tell(self, message: dict[str, Any], descriptors: list[int]) -> bool:
        try:
            socket.send_fds(self.process.control, [json.dumps(message).encode()], descriptors)
        except OSError:  # it died, or reads nothing any more
            self.is_odd = True
            return False
        return True

    async def call_end(self, number: int, seconds: float) -> _CallEnd | None:
        """How the guest of this call ended; None when it still runs, or the zygote died or talks nonsense."""
        try:
            async with asyncio.timeout(seconds):
                await self.control.line()
        except TimeoutError:
            return None
        line = self.control.take_line()
        try:
            end = _CallEnd.model_validate_json(line) if line is not None else None
        except ValidationError:
            end = None
        if end is None or end.call != number:
            self.is_odd = True
            return None
        return end


class _CallPipes:
    """One call's channel and output: the node's ends with their readers, and the guest's ends until they are sent."""

    def __init__(self) -> None:
        self.channel, self._guest_channel = socket.socketpair()
        self._output_fd, self._guest_output_fd = os.pipe()
        self.channel.setblocking(False)
        os.set_blocking(self._output_fd, False)
        self.replies = CappedReader(self.channel.fileno(), REPLY_BYTES_MAX)
        self.output = CappedReader(self._output_fd, OUTPUT_BYTES_KEPT)
        self.output.flood_bytes = OUTPUT_BYTES_MAX

    @property
    def guest_ends(self) -> list[int]:
        return [self._guest_channel.fileno(), self._guest_output_fd]

    def close_guest_ends(self) -> None:
        self._guest_channel.close()
        if self._guest_output_fd >= 0:
            os.close(self._guest_output_fd)
        self._guest_output_fd = -1

    def close(self) -> None:
        self.close_guest_ends()
        self.replies.close()
        self.output.close()
        self.channel.close()
        os.close(self._output_fd)


class FencePool:
    """Zygotes of one fence. `start` before, `close` after; both are safe to repeat."""

    def __init__(self, *, way: FenceWay, concurrent_calls_max: int) -> None:
        self.way = way
        self._num_zygotes = concurrent_calls_max + 1
        self._slots = asyncio.Semaphore(concurrent_calls_max)
        self._num_waiting = 0
        self._idle: collections.deque[Zygote] = collections.deque()
        self._busy: set[Zygote] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._num_starts_failed = 0
        self._failure = ""
        self._changed = asyncio.Condition()
        self._call_numbers = itertools.count(1)
        self._slot_numbers = itertools.count(os.getpid() * 7)  # another node's slots are likely others
        # One thread that lives as long as the pool: a zygote follows the thread that started it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fence")
        self._background: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    def start(self) -> None:
        self._num_starts_failed = 0
        self._refill()

    async def close(self) -> None:
        self._is_closed = True
        for zygote in [*self._idle, *self._busy]:
            self._end(zygote)
        self._idle.clear()
        while self._starting or self._background:
            await asyncio.gather(*self._starting, *self._background, return_exceptions=True)
        self._starter.shutdown(wait=True)

    @property
    def zygotes(self) -> list[Zygote]:
        """Those that wait and those that serve."""
        return [*self._idle, *self._busy]

    async def call(self, tool: str, request: bytes, *, timeout_seconds: float) -> GuestAnswer:
        """Runs one call. The clock starts when a zygote is ready, so waiting in the queue costs the caller no time.

        Raises:
            PoolBusy: the queue is full.
            FenceUnavailable: zygotes cannot be started any more.
        """
        if self._num_waiting >= WAITING_CALLS_MAX:
            raise PoolBusy(f"{self._num_waiting} calls are waiting already")
        self._num_waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._num_waiting -= 1
        is_settling = False
        try:
            zygote = await self._take()
            self._busy.add(zygote)
            zygote.num_calls += 1
            serving = _Serving(zygote, next(self._call_numbers), tool)
            try:
                return await serving.run(request, timeout_seconds)
            finally:
                # The guest's end is not the caller's to wait for.
                self._track(self._settle(serving))
                is_settling = True
        finally:
            if not is_settling:
                self._slots.release()

    async def _settle(self, serving: "_Serving") -> None:
        zygote = serving.zygote
        try:
            await serving.finish()
        finally:
            self._busy.discard(zygote)
            self._slots.release()
            if self._is_closed or not zygote.is_usable:
                self._end(zygote)
            else:
                self._idle.append(zygote)
            self._refill()
            await self._notify()

    async def _take(self) -> Zygote:
        if not self._idle:
            self._num_starts_failed = 0  # a caller waits: worth another try
        async with self._changed:
            while True:
                while self._idle:
                    zygote = self._idle.popleft()
                    if zygote.is_usable:
                        return zygote
                    self._end(zygote)
                if self._is_closed:
                    raise FenceUnavailable("the node is stopping")
                self._refill()
                if not self._starting:
                    raise FenceUnavailable(self._failure or "zygotes keep dying")
                await self._changed.wait()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _refill(self) -> None:
        missing = self._num_zygotes - len(self._idle) - len(self._busy) - len(self._starting)
        if self._is_closed or self._num_starts_failed >= STARTS_FAILED_MAX:
            return
        for _ in range(missing):
            task = asyncio.create_task(self._start_one())
            self._starting.add(task)

    async def _start_one(self) -> None:
        try:
            zygote = await self._started()
        except FenceUnavailable as error:
            self._num_starts_failed += 1
            self._failure = str(error)
        else:
            self._num_starts_failed = 0
            if self._is_closed:
                self._end(zygote)
            else:
                self._idle.append(zygote)
                zygote.watcher = asyncio.create_task(self._watch(zygote))
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._starting.discard(task)
            if not self._is_closed:
                self._refill()
            await self._notify()

    async def _started(self) -> Zygote:
        loop = asyncio.get_running_loop()
        try:
            process = await loop.run_in_executor(self._starter, zygote_start, self.way, next(self._slot_numbers))
        except OSError as error:
            raise FenceUnavailable(f"a zygote cannot be started: {error}") from error
        zygote = Zygote(
            process=process,
            control=CappedReader(process.control.fileno(), MESSAGE_BYTES_MAX),
            diagnostics=CappedReader(process.diagnostics_fd, DIAGNOSTICS_BYTES_KEPT),
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS_MAX):
                await zygote.control.line()
        if zygote.control.take_line() == b'{"ready": true}':
            return zygote
        await asyncio.sleep(DRAIN_SECONDS)
        said = zygote.diagnostics.kept.decode(errors="replace").strip()[-500:]
        self._end(zygote)
        raise FenceUnavailable(f"a zygote does not start: {said or 'no reason given'}")

    async def _watch(self, zygote: Zygote) -> None:
        """A zygote that dies while it waits is replaced at once, not at the next call."""
        await zygote.control.end()
        if zygote in self._idle:
            self._idle.remove(zygote)
            self._end(zygote)
            self._refill()

    def _end(self, zygote: Zygote) -> None:
        if zygote.watcher is not None:
            zygote.watcher.cancel()
        zygote.control.close()
        zygote.diagnostics.close()
        zygote.process.close()
        # Reaping waits for the namespaces to be torn down: some milliseconds, not the caller's.
        self._track(asyncio.to_thread(zygote.process.process.wait))

    def _track(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _parsed(line: bytes | None) -> GuestReply | None:
    try:
        return GuestReply.model_validate_json(line) if line is not None else None
    except ValidationError:
        return None


@dataclass
class _Serving:
    """One call on one zygote: `run` gives the answer, `finish` afterwards sees the guest gone. Both are called once."""

    zygote: Zygote
    number: int
    tool: str
    _pipes: _CallPipes = field(default_factory=_CallPipes)
    _is_ended: bool = False

    async def run(self, request: bytes, timeout_seconds: float) -> GuestAnswer:
        pipes, started = self._pipes, time.monotonic()
        header = {"call": self.number, "tool": self.tool, "wall_seconds": timeout_seconds}
        is_told = self.zygote.tell(header, pipes.guest_ends)
        pipes.close_guest_ends()
        is_late = await self._is_late(request, timeout_seconds) if is_told else False
        wall_ms = (time.monotonic() - started) * 1000
        line = pipes.replies.take_line()
        reply = None if is_late else _parsed(line)
        is_flood = pipes.output.num_bytes > OUTPUT_BYTES_MAX
        end = None
        if reply is None and not is_flood and not is_late:
            end = await self.zygote.call_end(self.number, EXIT_SECONDS)
            self._is_ended = end is not None or self.zygote.is_odd
        if not self._is_ended:
            self.zygote.tell({"stop": self.number}, [])  # it may hang behind its reply
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await pipes.output.end()
        return GuestAnswer(
            reply=reply,
            output=bytes(pipes.output.kept),
            output_is_truncated=pipes.output.num_bytes > len(pipes.output.kept),
            is_timeout=is_late or (end is not None and end.is_timeout),
            is_flood=is_flood,
            exit_code=end.exit_code if end is not None else None,
            wall_ms=wall_ms,
            is_lost=end is None and self._is_ended,
        )

    async def _is_late(self, request: bytes, timeout_seconds: float) -> bool:
        """Waits for a reply, a flood or the guest's end; true when the zygote let the wall limit pass."""
        waiters = [
            asyncio.ensure_future(self._pipes.replies.line()),
            asyncio.ensure_future(self._pipes.output.flood()),
        ]
        try:
            async with asyncio.timeout(timeout_seconds + LATE_SECONDS):
                with contextlib.suppress(OSError):  # it died before it read: seen as the end of its channel
                    await asyncio.get_running_loop().sock_sendall(self._pipes.channel, request + b"\n")
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self.zygote.is_odd = True
            return True
        finally:
            for waiter in waiters:
                waiter.cancel()
        return False

    async def finish(self) -> None:
        try:
            if not self._is_ended and not self.zygote.is_odd:
                self.zygote.tell({"stop": self.number}, [])  # the second time is ignored
                end = await self.zygote.call_end(self.number, END_SECONDS_MAX)
                self.zygote.is_odd |= end is None
        finally:
            self._pipes.close()
