"""Tools of MCP servers (Model Context Protocol): listed and called by the official client, limited like the others.

Which servers, the operator says by a file (`serve --mcp-servers FILE`). A server is a program or an address that the
operator trusts: it runs outside the fence and may reach the network; what the model gives it is only the arguments.
Results are text, capped; pictures, links and embedded files are left out and named.

Each server has one task that holds its connection, as the client wants it, and connects again after a pause that
grows. A server that is away costs its own tools only: they answer `unavailable`.
"""

import asyncio
import contextlib
import json
import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp
from mcp.types import CONNECTION_CLOSED, CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from gpu_node.protocol.run_spec import TOOL_DESCRIPTION_BYTES_MAX, ClientTool
from gpu_node.protocol.tools import ToolDescription, ToolLimits

SERVERS_MAX = 8
TOOLS_MAX = 64  # of one server: a list above it is a mistake, or a server for everything
PAGES_MAX = 8  # of one server's list of tools
CONNECT_SECONDS_MAX = 20.0  # a program that starts may fetch nothing and be slow, no more
PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 1.0, 60.0  # between two tries to connect
CALL_SECONDS = 10.0  # of one call, unless its run has less left; the same as a fenced one
CONCURRENT_CALLS_MAX = 8  # of one server
RESULT_CHARACTERS_MAX = 16_384  # as much as of a fenced call
DESCRIPTION_CHARACTERS_MAX = 2_000  # it is read by the model: more is no description
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,48}")

logger = logging.getLogger(__name__)


class McpServerConfig(BaseModel):
    """One server of the file: a program to start, or an address (streamable HTTP)."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9]{0,14}$")  # before each of its tools' names: `files_read`
    command: str = ""
    args: list[str] = Field(default=[], max_length=64)
    env: dict[str, str] = {}
    url: str = Field(default="", pattern=r"^(https?://.+)?$")

    @model_validator(mode="after")
    def _one_way(self) -> "McpServerConfig":
        if bool(self.command) == bool(self.url):
            raise ValueError("give `command` or `url`, one of them")
        return self


class McpConfigBad(ValueError):
    """The file of MCP servers cannot be used; says where and why."""


def mcp_config_read(path: Path) -> list[McpServerConfig]:
    """The file's servers: a JSON list of McpServerConfig. Raises McpConfigBad."""
    try:
        servers = TypeAdapter(list[McpServerConfig]).validate_json(path.read_bytes())
    except OSError as error:
        raise McpConfigBad(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise McpConfigBad(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if len(servers) > SERVERS_MAX:
        raise McpConfigBad(f"{path}: {len(servers)} servers, at most {SERVERS_MAX}")
    if len({server.name for server in servers}) < len(servers):
        raise McpConfigBad(f"{path}: two servers have one name")
    return servers


@dataclass(frozen=True)
class McpTool:
    """A tool as its server lists it; `name` is ours, with the server's before it."""

    name: str
    remote_name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class McpAnswer:
    is_error: bool
    text: str
    wall_ms: float
    is_truncated: bool = False
    is_timeout: bool = False


class McpUnavailable(RuntimeError):
    """The server is not connected just now."""


class McpServer:
    """One server's connection. `start`, any number of `call`s, `close`."""

    def __init__(self, config: McpServerConfig) -> None:
        self.config = config
        self.tools: dict[str, McpTool] = {}
        self.failure = "not connected yet"
        self._client: mcp.Client | None = None
        self._calls = asyncio.Semaphore(CONCURRENT_CALLS_MAX)
        self._tried = asyncio.Event()
        self._broken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    async def start(self) -> None:
        """Returns when the first try has succeeded or failed."""
        self._task = asyncio.create_task(self._hold(), name=f"mcp-{self.config.name}")
        await self._tried.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def call(self, tool: McpTool, arguments: dict[str, Any], *, timeout_seconds: float) -> McpAnswer:
        """Raises McpUnavailable; what the server itself complains of is an answer."""
        if self._client is None:
            raise McpUnavailable(f"the MCP server {self.config.name!r} is not connected: {self.failure}")
        began, is_timeout = time.monotonic(), False
        try:
            async with asyncio.timeout(timeout_seconds), self._calls:
                result = await self._client.call_tool(tool.remote_name, arguments)
        except TimeoutError:
            text, is_error, is_timeout = f"stopped after {timeout_seconds:g} seconds", True, True
        except mcp.MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise self._gone(error) from error
            text, is_error = str(error), True
        except Exception as error:  # the connection: whatever the transport raises
            raise self._gone(error) from error
        else:
            text, is_error = _text_of(result), bool(result.is_error)
        wall_ms = 1000 * (time.monotonic() - began)
        cut = text[:RESULT_CHARACTERS_MAX]
        return McpAnswer(is_error, cut, wall_ms, is_truncated=len(cut) < len(text), is_timeout=is_timeout)

    def _gone(self, error: Exception) -> McpUnavailable:
        self._client = None
        self._broken.set()
        return McpUnavailable(f"the MCP server {self.config.name!r} went away: {error}")

    def descriptions(self) -> list[ToolDescription]:
        limits = ToolLimits(
            wall_seconds=CALL_SECONDS,
            memory_bytes=None,
            output_bytes=RESULT_CHARACTERS_MAX,
            calls_at_once=CONCURRENT_CALLS_MAX,
        )
        return [
            ToolDescription(
                name=tool.name,
                description=tool.description,
                parameters=tool.parameters,
                source="mcp",
                server=self.config.name,
                is_available=self.is_connected,
                unavailable_reason="" if self.is_connected else self.failure,
                limits=limits,
            )
            for tool in self.tools.values()
        ]

    async def _hold(self) -> None:
        pause = PAUSE_SECONDS_FIRST
        while True:
            try:
                await self._connected()
                pause = PAUSE_SECONDS_FIRST
                self.failure = "the connection broke"
            except Exception as error:  # a foreign program or address: it may fail in any way, and costs its tools only
                self.failure = f"{type(_first(error)).__name__}: {_first(error)}"[:300]
            finally:
                self._client = None
                self._tried.set()
            logger.warning("MCP server %s: %s; next try in %.0f s", self.config.name, self.failure, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def _connected(self) -> None:
        """Connects, lists, and stays until a call finds the connection broken."""
        self._broken.clear()
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                client = await stack.enter_async_context(mcp.Client(_server_of(self.config)))
                self.tools = await _tools_of(client, self.config.name)
            self._client = client
            self._tried.set()
            logger.info("MCP server %s: %d tools", self.config.name, len(self.tools))
            await self._broken.wait()


def _server_of(config: McpServerConfig) -> mcp.StdioServerParameters | str:
    if config.url:
        return config.url
    return mcp.StdioServerParameters(command=config.command, args=config.args, env=config.env)


async def _tools_of(client: mcp.Client, server: str) -> dict[str, McpTool]:
    found: dict[str, McpTool] = {}
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            name = f"{server}_{tool.name}"
            if not _TOOL_NAME.fullmatch(tool.name) or len(found) >= TOOLS_MAX:
                logger.warning("MCP server %s: the tool %r is left out", server, tool.name[:64])
                continue
            description = (tool.description or tool.title or tool.name)[:DESCRIPTION_CHARACTERS_MAX]
            made = McpTool(name, tool.name, description, dict(tool.input_schema))
            told = ClientTool(name=name, description=description, parameters=made.parameters)
            if len(told.model_dump_json().encode()) > TOOL_DESCRIPTION_BYTES_MAX:
                logger.warning("MCP server %s: the tool %r is left out: its schema is too long", server, tool.name)
                continue
            found[name] = made
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _text_of(result: CallToolResult) -> str:
    """The result's text; where there is only structured content, that as JSON; what is no text is named."""
    parts = [block.text if isinstance(block, TextContent) else f"[{block.type} left out]" for block in result.content]
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
