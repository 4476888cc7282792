"""Runs tool calls that a model wrote, each in a guest inside the fence.

`ToolExecutor.call` never raises for anything a model wrote: what cannot be used comes back as a text that says what
to repair. Where no fence holds on this machine, every call is answered `unavailable`; nothing ever runs unfenced.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gpu_node.protocol.frames import ToolAttachment, ToolStatus
from gpu_node.protocol.run_spec import ClientTool
from gpu_node.protocol.tools import ToolDescription, ToolLimits
from gpu_node.tools.attachment_check import attachments_passed
from gpu_node.tools.confinement import ADDRESS_SPACE_BYTES
from gpu_node.tools.errors import ToolInputError
from gpu_node.tools.execute_python import joined
from gpu_node.tools.fence_pool import OUTPUT_BYTES_KEPT, FencePool, GuestAnswer, PoolBusy
from gpu_node.tools.fence_selftest import FenceChoice, fence_choose
from gpu_node.tools.plugins import tools_all
from gpu_node.tools.registry import Tool, arguments_parse, error_text, tool_find
from gpu_node.tools.sandbox import FenceUnavailable, Tier

if TYPE_CHECKING:
    from gpu_node.tools.mcp_servers import McpServer, McpTool

TIMEOUT_SECONDS_DEFAULT = 10.0  # one call's wall time: below what a person waits, above Z3's own 4 s
TIMEOUT_SECONDS_MAX = 60.0  # what a caller may ask for
PROGRAMS_KEPT_MAX = 16  # of one branch of a run: each is run again before the next
PROGRAMS_KEPT_BYTES_MAX = 65_536  # together

logger = logging.getLogger(__name__)

FenceTier = Literal[Tier, "none"]


@dataclass(frozen=True)
class ToolOutcome:
    """A call's result. `text` is what the model reads; `arguments` is None when they were no JSON object."""

    status: ToolStatus
    text: str
    wall_ms: float = 0.0
    is_truncated: bool = False
    attachments: tuple[ToolAttachment, ...] = ()  # shown in the trace, not read by the model
    arguments: dict[str, Any] | None = None


class ToolExecutor:
    """The node's door to its tools: `start`, any number of concurrent `call`s, `close`."""

    def __init__(
        self,
        *,
        concurrent_calls_max: int | None = None,
        choose_fence: Callable[[int], Awaitable[FenceChoice]] = fence_choose,
        mcp_servers: Sequence["McpServer"] = (),
    ) -> None:
        # More calls at once than cores make all of them slow, and each may take its gigabyte.
        self._concurrent_calls_max = concurrent_calls_max or max(2, os.cpu_count() or 1)
        self._choose_fence = choose_fence
        self._pool: FencePool | None = None
        self._unavailable_reason = "the node's tools are not started"
        self._mcp_servers = tuple(mcp_servers)

    @property
    def fence_tier(self) -> FenceTier:
        return self._pool.way.tier if self._pool is not None else "none"

    async def start(self) -> None:
        """Tests the fence and warms zygotes up. Does not raise where no fence holds: calls then say so.

        Raises:
            PluginUnusable: an installed plug-in cannot be a tool.
        """
        if self._pool is not None:
            return
        tools_all()
        await asyncio.gather(*(server.start() for server in self._mcp_servers))
        choice = await self._choose_fence(self._concurrent_calls_max)
        if choice.pool is None:
            self._unavailable_reason = choice.reason
            logger.error("tools are refused, no fence holds on this machine: %s", choice.reason)
            return
        self._pool = choice.pool
        logger.info("tools run fenced by %s", choice.pool.way)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        self._unavailable_reason = "the node is stopping"
        await asyncio.gather(*(server.close() for server in self._mcp_servers))
        if pool is not None:
            await pool.close()

    async def call(
        self,
        name: str,
        arguments_json: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        programs: list[str] | None = None,
    ) -> ToolOutcome:
        """Runs one call; `arguments_json` is the model's own text.

        `programs` are those of the run so far whose variables are kept; a program that is to keep its own is added.
        """
        if (remote := self._mcp_find(name)) is not None:
            return await _mcp_call(*remote, arguments_json, _seconds_checked(timeout_seconds))
        arguments: dict[str, Any] | None = None
        try:
            tool = tool_find(name, tools_all())
            arguments = arguments_parse(arguments_json)
            validated = tool.arguments_validate(arguments)
            if is_keeping := bool(validated.get("keep_variables")):
                validated["earlier"] = programs_checked(programs or [], validated["code"])
        except ToolInputError as error:
            return ToolOutcome(status="error", text=_printable(error_text(str(error))), arguments=arguments)
        request = json.dumps({"arguments": validated}).encode()
        outcome = await self._run(tool, request, _seconds_checked(timeout_seconds))
        if is_keeping and programs is not None and outcome.status in ("ok", "error"):
            programs.append(validated["code"])
        return ToolOutcome(
            status=outcome.status,
            text=outcome.text,
            wall_ms=round(outcome.wall_ms, 1),
            is_truncated=outcome.is_truncated,
            attachments=outcome.attachments,
            arguments=arguments,
        )

    async def _run(self, tool: Tool, request: bytes, timeout_seconds: float) -> ToolOutcome:
        pool = self._pool
        if pool is None:
            return ToolOutcome(status="unavailable", text=error_text(f"{tool.name} is unavailable on this node"))
        try:
            answer = await pool.call(tool.target or tool.name, request, timeout_seconds=timeout_seconds)
        except PoolBusy:
            return ToolOutcome(status="busy", text=error_text("the tools are busy: try again"))
        except FenceUnavailable as error:
            logger.error("a tool call found no zygote: %s", error)  # noqa: TRY400 - the reason is the message
            return ToolOutcome(status="unavailable", text=error_text(f"{tool.name} is unavailable on this node"))
        return outcome_of(answer, timeout_seconds)

    def _mcp_find(self, name: str) -> "tuple[McpServer, McpTool] | None":
        return next(((server, server.tools[name]) for server in self._mcp_servers if name in server.tools), None)

    def described(self, names: Collection[str]) -> list[ClientTool]:
        """What the model must be told of those of these tools that it was not trained with.

        Raises:
            KeyError: the node has no such tool; its argument is the name.
        """
        known = {tool.name: tool for tool in self.descriptions()}
        wanted = [known[name] for name in names]
        return [
            ClientTool(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in wanted
            if tool.source != "built-in"
        ]

    def descriptions(self) -> list[ToolDescription]:
        """Every tool of this node, for people and for the backend."""
        fenced = [
            ToolDescription(
                name=tool.name,
                description=tool.description,
                parameters=tool.parameters,
                source=tool.source,
                fence_tier=self.fence_tier,
                is_available=self._pool is not None,
                unavailable_reason=self.unavailable_reason,
                limits=ToolLimits(
                    wall_seconds=TIMEOUT_SECONDS_DEFAULT,
                    memory_bytes=ADDRESS_SPACE_BYTES,
                    output_bytes=OUTPUT_BYTES_KEPT,
                    calls_at_once=self._concurrent_calls_max,
                ),
            )
            for tool in tools_all().values()
        ]
        return [*fenced, *(tool for server in self._mcp_servers for tool in server.descriptions())]

    @property
    def unavailable_reason(self) -> str:
        """Why the tier is `none`, for `/info` and `make doctor`."""
        return self._unavailable_reason if self._pool is None else ""


async def _mcp_call(server: "McpServer", tool: "McpTool", arguments_json: str, seconds: float) -> ToolOutcome:
    from gpu_node.tools.mcp_servers import McpUnavailable  # the client: loaded where a server is configured

    try:
        arguments = arguments_parse(arguments_json)
    except ToolInputError as error:
        return ToolOutcome(status="error", text=_printable(error_text(str(error))))
    try:
        answer = await server.call(tool, arguments, timeout_seconds=seconds)
    except McpUnavailable as error:
        return ToolOutcome(status="unavailable", text=_printable(error_text(str(error))), arguments=arguments)
    return ToolOutcome(
        status="timeout" if answer.is_timeout else "error" if answer.is_error else "ok",
        text=_printable(error_text(answer.text) if answer.is_error else answer.text),
        wall_ms=round(answer.wall_ms, 1),
        is_truncated=answer.is_truncated,
        arguments=arguments,
    )


def programs_checked(programs: list[str], code: str) -> list[str]:
    """The programs to run again before this one.

    Raises:
        ToolInputError: too many or too long together.
    """
    num_bytes = sum(len(program.encode()) for program in [*programs, code])
    if len(programs) >= PROGRAMS_KEPT_MAX or num_bytes > PROGRAMS_KEPT_BYTES_MAX:
        raise ToolInputError("too many programs keep their variables: put what is needed into one without it")
    return list(programs)


def _seconds_checked(seconds: float) -> float:
    # NaN and infinities come from a run's arithmetic, never a reason to run without a limit.
    return min(seconds, TIMEOUT_SECONDS_MAX) if 0 < seconds < float("inf") else TIMEOUT_SECONDS_DEFAULT


def outcome_of(answer: GuestAnswer, timeout_seconds: float) -> ToolOutcome:
    """Judges a call by what was read of it."""
    output = _printable(answer.output.decode(errors="replace"))
    status, text = _judged(answer, timeout_seconds)
    text = joined(output, _printable(text))
    is_long = len(text.encode()) > OUTPUT_BYTES_KEPT
    if is_long:
        text = text.encode()[:OUTPUT_BYTES_KEPT].decode(errors="ignore")
    is_truncated = is_long or answer.output_is_truncated
    attachments = attachments_passed(answer.reply.attachments) if answer.reply is not None else ()
    return ToolOutcome(
        status=status, text=text, wall_ms=answer.wall_ms, is_truncated=is_truncated, attachments=attachments
    )


def _judged(answer: GuestAnswer, timeout_seconds: float) -> tuple[ToolStatus, str]:
    if answer.is_timeout:
        return "timeout", error_text(f"stopped after {timeout_seconds:g} seconds")
    if answer.is_flood:
        return "output_limit", error_text("stopped: too much output")
    if answer.is_lost:
        return "killed", error_text("the fence was restarted: try again")
    if answer.reply is None:
        signal = (answer.exit_code or 0) - 128
        how = f"by signal {signal}" if signal > 0 else f"with exit code {answer.exit_code or 0}"
        return "killed", error_text(f"the program ended {how} before its result")
    match answer.reply.status:
        case "refused":
            return "error", error_text(answer.reply.text)
        case "memory":
            return "memory", answer.reply.text or error_text("out of memory")
        case "error":
            return "error", answer.reply.text
        case "ok":
            return "ok", answer.reply.text


def _printable(text: str) -> str:
    """Text that every reader takes: no NUL, no lone surrogate (PostgreSQL and UTF-8 refuse them)."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
