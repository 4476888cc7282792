"""NodeClient: the wire of `gpu_node.protocol` over HTTP, with timeouts and the wire's own errors.

Speaks to one node. Does not choose nodes, keep state or retry: callers decide what a failure means. What a node
sends is hostile until parsed: frames are checked (schema, CRC, run, epoch) where they are read. aiohttp, because
it costs a third of httpx on this path.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from pydantic import ValidationError

from gpu_node.protocol.frames import FRAME_BYTES_MAX, Frame, FrameCorrupt, Wire, frame_parse
from gpu_node.protocol.node import HEARTBEAT_SECONDS, NodeError, NodeInfo
from gpu_node.protocol.run_spec import RunSpec

CONNECT_TIMEOUT_SECONDS = 5.0  # nodes are near; only a machine under heavy load takes this long to accept
CALL_TIMEOUT_SECONDS = 10.0  # PUT, DELETE, /info: they only enqueue or read
SILENCE_SECONDS_MAX = 3 * HEARTBEAT_SECONDS  # a stream quiet for three heartbeats is a dead node
CONNECTIONS_MAX = 1024  # streams held at once by one process, one a live run
ERROR_BODY_BYTES_MAX = 65_536
INFO_BYTES_MAX = 1_048_576


class NodeUnreachable(Exception):
    """No answer, a broken one, or one that is not ours: it may heal, so callers may try again."""


class NodeSlow(NodeUnreachable):
    """No answer in time: the node may be busy, or we are."""


class NodeRefused(Exception):
    """The node answered with a NodeError: trying the same again will not help."""

    def __init__(self, status: int, error: NodeError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.status = status
        self.code = error.code
        self.message = error.message


class _ErrorBody(Wire):
    error: NodeError


@dataclass(frozen=True, kw_only=True)
class NodeAddress:
    name: str
    url: str
    secret: str = field(default="", repr=False)


# aiohttp's session belongs to one event loop. A process has one, tests have many.
_sessions: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]" = weakref.WeakKeyDictionary()


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            read_bufsize=FRAME_BYTES_MAX,  # a line longer than twice this is refused by the reader
            auto_decompress=False,
            trust_env=False,
        )
        _sessions[loop] = session
    return session


async def sessions_close() -> None:
    """Closes this loop's session: at the end of a short-lived loop (a Celery task, a test)."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


class NodeClient:
    def __init__(self, address: NodeAddress) -> None:
        self.address = address

    async def info(self) -> NodeInfo:
        async with self._call("GET", "/info") as response:
            body = await self._body(response, INFO_BYTES_MAX)
        try:
            return NodeInfo.model_validate_json(body)
        except ValidationError as error:
            raise NodeUnreachable(f"node {self.address.name!r} speaks another protocol: {error}") from error

    async def run_put(self, *, run_id: str, epoch: int, spec: RunSpec) -> None:
        """Starts the run; again with the same epoch changes nothing."""
        body = spec.model_dump_json().encode()
        async with self._call("PUT", f"/runs/{run_id}?epoch={epoch}", body=body):
            pass

    async def run_cancel(self, *, run_id: str) -> None:
        async with self._call("DELETE", f"/runs/{run_id}"):
            pass

    async def run_frames(
        self, *, run_id: str, epoch: int, after_seq: int
    ) -> AsyncGenerator[tuple[Frame, str] | None, None]:
        """Frames with their lines from `after_seq` on, then live ones until the terminal frame; None: a heartbeat.

        Raises:
            NodeUnreachable: the stream broke, was silent too long, or held what is no frame of this run and epoch.
            NodeRefused: the node does not know the run.
        """
        path = f"/runs/{run_id}/events?after={after_seq}&epoch={epoch}"
        async with self._call("GET", path, is_stream=True) as response:
            while line := await self._line(response):
                yield self._frame(line, run_id=run_id, epoch=epoch) if line.strip() else None

    async def _body(self, response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
        body = bytearray()
        try:
            async for chunk in response.content.iter_any():  # `read(n)` gives what is there, not the whole
                body += chunk
                if len(body) > bytes_max:
                    raise NodeUnreachable(f"node {self.address.name!r} sent over {bytes_max} bytes")
        except TimeoutError as error:
            raise NodeSlow(f"node {self.address.name!r} stopped in mid-answer: {error!r}") from error
        except aiohttp.ClientError as error:
            raise NodeUnreachable(f"node {self.address.name!r} broke off its answer: {error!r}") from error
        return bytes(body)

    async def _line(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            return await response.content.readline()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NodeUnreachable(f"node {self.address.name!r}: the stream broke: {error!r}") from error

    def _frame(self, line: bytes, *, run_id: str, epoch: int) -> tuple[Frame, str]:
        try:
            frame = frame_parse(line)
        except (ValidationError, FrameCorrupt) as error:
            raise NodeUnreachable(f"node {self.address.name!r} sent no valid frame: {error}") from error
        if frame.run_id != run_id or frame.epoch != epoch:
            raise NodeUnreachable(
                f"node {self.address.name!r} sent a frame of {frame.run_id!r} epoch {frame.epoch}, "
                f"asked for {run_id!r} epoch {epoch}"
            )
        return frame, line.decode().rstrip("\n")

    @asynccontextmanager
    async def _call(
        self, method: str, path: str, *, body: bytes | None = None, is_stream: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(
            total=None if is_stream else CALL_TIMEOUT_SECONDS,
            connect=CONNECT_TIMEOUT_SECONDS,
            sock_read=SILENCE_SECONDS_MAX,
        )
        headers = {"content-type": "application/json"}
        if self.address.secret:
            headers["authorization"] = f"Bearer {self.address.secret}"
        url = self.address.url.rstrip("/") + path
        try:
            # No redirects: a node's secret must not follow a node's word to another host.
            response = await _session().request(
                method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            )
        except TimeoutError as error:  # aiohttp's own time-outs are this too
            raise NodeSlow(f"node {self.address.name!r} does not answer in time: {error!r}") from error
        except aiohttp.ClientError as error:
            raise NodeUnreachable(f"node {self.address.name!r} does not answer: {error!r}") from error
        try:
            if response.status >= 300:
                raise await self._refusal(response)
            yield response
        finally:
            response.close() if is_stream else response.release()

    async def _refusal(self, response: aiohttp.ClientResponse) -> NodeUnreachable | NodeRefused:
        try:
            body = await self._body(response, ERROR_BODY_BYTES_MAX)
            error = _ErrorBody.model_validate_json(body).error
        except (ValidationError, NodeUnreachable):
            return NodeUnreachable(f"node {self.address.name!r} answered {response.status} without a NodeError")
        return NodeRefused(response.status, error)
