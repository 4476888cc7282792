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
from typing import TypeVar

import aiohttp
from pydantic import ValidationError

from backend.core.request_context import REQUEST_ID_HEADER, request_id_now
from backend.nodes.url_guard import GuardedResolver
from gpu_node.protocol.frames import FRAME_BYTES_MAX, Frame, FrameCorrupt, Wire, frame_parse
from gpu_node.protocol.job_frames import JobFramePage
from gpu_node.protocol.job_spec import JobOrder
from gpu_node.protocol.manifest import SignedManifest
from gpu_node.protocol.node import HEARTBEAT_SECONDS, NodeError, NodeInfo, UsageRow
from gpu_node.protocol.plan import Plan, PlanRequest, Preview, PreviewRequest
from gpu_node.protocol.run_spec import RunSpec
from gpu_node.protocol.tools import ToolList, ToolTrial, ToolTrialRequest

CONNECT_TIMEOUT_SECONDS = 5.0  # nodes are near; only a machine under heavy load takes this long to accept
CALL_TIMEOUT_SECONDS = 10.0  # PUT, DELETE, /info: they only enqueue or read
SILENCE_SECONDS_MAX = 3 * HEARTBEAT_SECONDS  # a stream quiet for three heartbeats is a dead node
CONNECTIONS_MAX = 1024  # streams held at once by one process, one a live run
ERROR_BODY_BYTES_MAX = 65_536
PLAN_TIMEOUT_SECONDS = 45.0  # a plan may draw data and look at a device; below a task's limit
MODEL_TIMEOUT_SECONDS = 45.0  # PUT /models answers when it is loaded or loading; asking again is harmless
INFO_BYTES_MAX = 1_048_576
JOB_PAGE_BYTES_MAX = 67_108_864  # a full page of frames: logs of 16 KiB, manifests of large checkpoints
PLAN_BYTES_MAX = 4_194_304
USAGE_BYTES_MAX = 4_194_304  # a page of 1,000 rows of some 300 bytes


class NodeUnreachable(Exception):
    """No answer, a broken one, or one that is not ours: it may heal, so callers may try again."""


class NodeSlow(NodeUnreachable):
    """No answer in time: the node may be busy, or we are."""


class NodeForeign(NodeUnreachable):
    """What answers there speaks no protocol of ours, or another version of it."""


class NodeRefused(Exception):
    """The node answered with a NodeError: trying the same again will not help."""

    def __init__(self, status: int, error: NodeError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.status = status
        self.code = error.code
        self.message = error.message


W = TypeVar("W", bound=Wire)


class _Ack(Wire):
    position: int


class _ErrorBody(Wire):
    error: NodeError


class _UsagePage(Wire):
    journal_id: str
    rows: list[UsageRow]


@dataclass(frozen=True, kw_only=True)
class NodeAddress:
    name: str
    url: str
    secret: str = field(default="", repr=False)
    is_trusted: bool = True  # False: added in the web UI; its address is checked at each connection


# aiohttp's sessions belong to one event loop. A process has one, tests have many.
_Sessions = dict[bool, aiohttp.ClientSession]  # by is_trusted
_sessions: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions]" = weakref.WeakKeyDictionary()


def _session(is_trusted: bool) -> aiohttp.ClientSession:
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    session = sessions.get(is_trusted)
    if session is None or session.closed:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX, resolver=None if is_trusted else GuardedResolver(), use_dns_cache=is_trusted
            ),
            read_bufsize=FRAME_BYTES_MAX,  # a line longer than twice this is refused by the reader
            auto_decompress=False,
            trust_env=False,
        )
        sessions[is_trusted] = session
    return session


async def sessions_close() -> None:
    """Closes this loop's sessions: at the end of a short-lived loop (a Celery task, a test)."""
    for session in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await session.close()


class NodeClient:
    def __init__(self, address: NodeAddress) -> None:
        self.address = address

    async def info(self) -> NodeInfo:
        return await self._ask("GET", "/info", NodeInfo, bytes_max=INFO_BYTES_MAX)

    async def run_put(self, *, run_id: str, epoch: int, spec: RunSpec) -> None:
        """Starts the run; again with the same epoch changes nothing."""
        body = spec.model_dump_json().encode()
        async with self._call("PUT", f"/runs/{run_id}?epoch={epoch}", body=body):
            pass

    async def run_cancel(self, *, run_id: str, epoch: int | None = None) -> None:
        """Stops the run; with an `epoch` only that one and older ones."""
        async with self._call("DELETE", f"/runs/{run_id}" + (f"?epoch={epoch}" if epoch else "")):
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

    async def usage_rows(self, *, after: int) -> list[UsageRow]:
        """A page of the node's index of finished runs, after the row at `after`; empty at its end."""
        page = await self._ask("GET", f"/usage?after={after}", _UsagePage, bytes_max=USAGE_BYTES_MAX)
        return page.rows

    # --- Jobs

    async def job_put(self, *, job_id: str, epoch: int, order: JobOrder) -> None:
        """Starts the attempt; again with the same epoch changes nothing, an older epoch is refused."""
        await self._do("PUT", f"/jobs/{job_id}?epoch={epoch}", body=order)

    async def job_cancel(self, *, job_id: str, epoch: int) -> None:
        await self._do("DELETE", f"/jobs/{job_id}?epoch={epoch}")

    async def job_pause(self, *, job_id: str, epoch: int) -> None:
        await self._do("POST", f"/jobs/{job_id}/pause?epoch={epoch}")

    async def job_resume(self, *, job_id: str, epoch: int) -> None:
        await self._do("POST", f"/jobs/{job_id}/resume?epoch={epoch}")

    async def job_uploads(self, *, job_id: str, epoch: int, signed: SignedManifest) -> None:
        """Answers a `checkpoint` frame: where its pieces go."""
        await self._do("POST", f"/jobs/{job_id}/uploads?epoch={epoch}", body=signed)

    async def events(self, *, after: int) -> JobFramePage:
        return await self._ask("GET", f"/events?after={after}", JobFramePage, bytes_max=JOB_PAGE_BYTES_MAX)

    async def events_ack(self, *, position: int) -> None:
        """The node may forget frames up to there."""
        await self._do("POST", "/events/ack", body=_Ack(position=position))

    async def plan(self, request: PlanRequest) -> Plan:
        return await self._ask("POST", "/plan", Plan, body=request, timeout_seconds=PLAN_TIMEOUT_SECONDS)

    async def preview(self, request: PreviewRequest) -> Preview:
        return await self._ask("POST", "/preview", Preview, body=request, timeout_seconds=PLAN_TIMEOUT_SECONDS)

    # --- Tools

    async def tools(self) -> ToolList:
        return await self._ask("GET", "/tools", ToolList)

    async def tool_try(self, *, name: str, request: ToolTrialRequest) -> ToolTrial:
        seconds = request.timeout_seconds + CALL_TIMEOUT_SECONDS
        return await self._ask("POST", f"/tools/{name}", ToolTrial, body=request, timeout_seconds=seconds)

    # --- Models and drain

    async def model_put(self, *, version: str, signed: SignedManifest, engine: str) -> None:
        path = f"/models/{version}?backend={engine}"
        await self._do("PUT", path, body=signed, timeout_seconds=MODEL_TIMEOUT_SECONDS)

    async def model_delete(self, *, version: str) -> None:
        await self._do("DELETE", f"/models/{version}")

    async def drain(self) -> None:
        await self._do("POST", "/drain")

    async def undrain(self) -> None:
        await self._do("POST", "/undrain")

    async def _do(
        self, method: str, path: str, *, body: Wire | None = None, timeout_seconds: float | None = None
    ) -> None:
        data = body.model_dump_json().encode() if body else None
        async with self._call(method, path, body=data, timeout_seconds=timeout_seconds):
            pass

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[W],
        *,
        body: Wire | None = None,
        bytes_max: int = PLAN_BYTES_MAX,
        timeout_seconds: float | None = None,
    ) -> W:
        data = body.model_dump_json().encode() if body else None
        async with self._call(method, path, body=data, timeout_seconds=timeout_seconds) as response:
            text = await self._body(response, bytes_max)
        try:
            return answer.model_validate_json(text)
        except ValidationError as error:
            raise NodeForeign(f"node {self.address.name!r} speaks another protocol: {error}") from error

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
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        is_stream: bool = False,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout_seconds = timeout_seconds or CALL_TIMEOUT_SECONDS
        timeout = aiohttp.ClientTimeout(
            total=None if is_stream else timeout_seconds,
            connect=CONNECT_TIMEOUT_SECONDS,
            sock_read=max(SILENCE_SECONDS_MAX, timeout_seconds),
        )
        headers = {"content-type": "application/json"}
        if self.address.secret:
            headers["authorization"] = f"Bearer {self.address.secret}"
        if request_id := request_id_now():
            headers[REQUEST_ID_HEADER] = request_id
        url = self.address.url.rstrip("/") + path
        try:
            # No redirects: a node's secret must not follow a node's word to another host.
            response = await _session(self.address.is_trusted).request(
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
