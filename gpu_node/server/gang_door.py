"""The nodes of a gang meet before any of them starts: at rank 0's port, where torchrun will listen afterwards.

    1. rank 0's node listens, the others connect and say which attempt and rank they are
    2. each fetches its inputs, at its own pace, and says that it is ready
    3. when all are ready rank 0 gives the port free, says go, and all start at once

So a node that cannot reach the first one says so in a sentence before anything runs, and a slow download keeps the gang
waiting instead of breaking it. A node that is cut off while it waits is found out by the platform, which stops others.
Not here: the training's own traffic (torch.distributed). Invariant: nobody starts before every node is ready.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from gpu_node.protocol.frames import Wire
from gpu_node.protocol.job_frames import FailureCause
from gpu_node.protocol.job_spec import Rendezvous
from gpu_node.protocol.plan import PlanCheck

MEET_SECONDS_MAX = 90.0  # orders reach all nodes within 30 s, and a node waits 30 s for an older attempt to leave
CONNECT_SECONDS_MAX = 5.0  # of one try: nodes of a gang are near each other
AGAIN_SECONDS = 0.3
LINE_BYTES_MAX = 1_024  # of what a stranger on the port may say
LEAVE_SECONDS_MAX = 5.0  # after the go a guest hangs up at once


class GangApart(Exception):
    """The gang does not come together. The message says in one sentence between whom and why."""

    def __init__(self, message: str, *, cause: FailureCause = "peer_lost", cure: str = "") -> None:
        super().__init__(message)
        self.cause: FailureCause = cause
        self.cure = cure


async def master_check(host: str, port: int) -> PlanCheck:
    """Whether this node reaches rank 0's at all: by the port where that answers, as the gang's own is not open yet."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return PlanCheck(
            name="rendezvous",
            is_ok=False,
            message=f"cannot reach rank 0's node at {host}:{port}: {_said(error)}",
            cure="add that node by an address that the others reach, and open its ports between them",
        )
    writer.close()
    return PlanCheck(name="rendezvous", is_ok=True, message=f"reaches rank 0's node at {host}:{port}")


class Gang(Protocol):
    async def ready(self) -> None:
        """Returns when every node of the gang is ready. Raises GangApart: one has left."""
        ...


class _Hello(Wire):
    attempt: str
    node_rank: int


class _Welcome(Wire):
    refusal: str = ""


@asynccontextmanager
async def gang_met(place: Rendezvous | None, attempt: str, tell: Callable[[str], None]) -> AsyncIterator[Gang]:
    """The gang with all its nodes in touch; `tell` hears what it waits for. Raises GangApart."""
    if place is None or place.num_nodes == 1:
        yield _Alone()
        return
    member = _Host(place, attempt) if place.node_rank == 0 else _Guest(place, attempt, tell)
    try:
        await member.meet()
        yield member
    finally:
        await member.close()


class _Alone:
    async def ready(self) -> None:
        return


@dataclass
class _Host:
    """Rank 0's side."""

    place: Rendezvous
    attempt: str
    _server: asyncio.Server | None = field(init=False, default=None)
    _present: set[int] = field(init=False, default_factory=set)
    _ready: set[int] = field(init=False, default_factory=set)
    _left: set[int] = field(init=False, default_factory=set)
    _changed: asyncio.Condition = field(init=False, default_factory=asyncio.Condition)
    _is_go: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _guests: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    @property
    def _all(self) -> set[int]:
        return set(range(1, self.place.num_nodes))

    async def meet(self) -> None:
        try:
            self._server = await asyncio.start_server(
                self._enter, host=None, port=self.place.master_port, limit=LINE_BYTES_MAX
            )
        except OSError as error:
            raise GangApart(
                f"rank 0 of the gang cannot listen on port {self.place.master_port} of its node: {_said(error)}",
                cause="rendezvous_failed",
                cure="end what holds that port; the next try takes another one",
            ) from error
        try:
            async with asyncio.timeout(MEET_SECONDS_MAX), self._changed:
                await self._changed.wait_for(lambda: self._left or self._present == self._all)
        except TimeoutError:
            lacking = ", ".join(map(str, sorted(self._all - self._present)))
            raise GangApart(
                f"node rank {lacking} of the gang did not come to port {self.place.master_port} of rank 0's node "
                f"in {MEET_SECONDS_MAX:.0f} s"
            ) from None
        self._left_check()

    async def ready(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._left or self._ready == self._all)
        self._left_check()
        assert self._server is not None
        self._server.close()  # torchrun listens there next
        self._is_go.set()
        # Guests hang up first: the port is then left without a connection that lingers on this side.
        await asyncio.wait(self._guests, timeout=LEAVE_SECONDS_MAX)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._guests:
            task.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)

    def _left_check(self) -> None:
        if self._left:
            raise GangApart(f"node rank {min(self._left)} of the gang left before it began: its own log says why")

    def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._guests.add(task)
        task.add_done_callback(self._guests.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rank = 0
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                hello = _Hello.model_validate_json(await reader.readline())
            refusal = self._refusal(hello)
            writer.write(_line(_Welcome(refusal=refusal)))
            if refusal:
                return
            rank = hello.node_rank
            await self._note(self._present, rank)
            if await reader.readline() != b"ready\n":
                return
            await self._note(self._ready, rank)
            await self._is_go.wait()
            writer.write(b"go\n")
            await reader.read(1)
        except (OSError, ValueError):  # a stranger, or a guest whose end is told below
            return
        finally:
            if rank and not self._is_go.is_set():
                await self._note(self._left, rank)
            writer.close()

    def _refusal(self, hello: _Hello) -> str:
        if hello.attempt != self.attempt:
            return f"there waits {self.attempt}, not {hello.attempt}"
        if hello.node_rank not in self._all - self._present:
            return f"the gang has no place for node rank {hello.node_rank}"
        return ""

    async def _note(self, ranks: set[int], rank: int) -> None:
        async with self._changed:
            ranks.add(rank)
            self._changed.notify_all()


@dataclass
class _Guest:
    """Any other node's side."""

    place: Rendezvous
    attempt: str
    tell: Callable[[str], None]
    _reader: asyncio.StreamReader | None = field(init=False, default=None)
    _writer: asyncio.StreamWriter | None = field(init=False, default=None)

    @property
    def _door(self) -> str:
        return f"{self.place.master_host}:{self.place.master_port}"

    async def meet(self) -> None:
        deadline = time.monotonic() + MEET_SECONDS_MAX
        told = ""
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    welcome = await self._knock()
                break
            except (OSError, ValueError) as error:
                await self.close()
                why = _said(error)
            if time.monotonic() > deadline:
                raise GangApart(
                    f"node rank {self.place.node_rank} of the gang cannot reach rank 0 at {self._door}: {why}",
                    cause="rendezvous_failed",
                    cure=f"let this node reach {self._door}, or add rank 0's node by an address that others can reach",
                )
            if why != told:
                told = why
                self.tell(f"waiting for rank 0 of the gang at {self._door}: {why}")
            await asyncio.sleep(AGAIN_SECONDS)
        if welcome.refusal:
            raise GangApart(f"rank 0 of the gang at {self._door} refused this node: {welcome.refusal}")

    async def _knock(self) -> _Welcome:
        self._reader, self._writer = await asyncio.open_connection(
            self.place.master_host, self.place.master_port, limit=LINE_BYTES_MAX
        )
        self._writer.write(_line(_Hello(attempt=self.attempt, node_rank=self.place.node_rank)))
        return _Welcome.model_validate_json(await self._reader.readline())

    async def ready(self) -> None:
        assert self._reader is not None
        assert self._writer is not None
        said = b""
        with suppress(OSError):
            self._writer.write(b"ready\n")
            said = await self._reader.readline()
        if said != b"go\n":
            raise GangApart(f"rank 0 of the gang at {self._door} left before it began: its own log says why")

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _line(message: Wire) -> bytes:
    return message.model_dump_json().encode() + b"\n"


def _said(error: Exception) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, TimeoutError):
        return f"no answer in {CONNECT_SECONDS_MAX:.0f} s"
    if isinstance(error, OSError):
        # Of a name that cannot be resolved the number is negative, and of another table.
        return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    return "what answers there is no gang of ours"
