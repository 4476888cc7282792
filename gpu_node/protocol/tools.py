"""What a node says of its tools (`GET /tools`), and a try of one (`POST /tools/{name}`)."""

from typing import Any, Literal

from pydantic import Field

from gpu_node.protocol.frames import ToolAttachment, ToolStatus, Wire

TRIAL_SECONDS_MAX = 30.0  # a person waits for it
TRIAL_ARGUMENTS_CHARACTERS_MAX = 100_000  # of the JSON text; the same as a model's call


class ToolLimits(Wire):
    """What one call may take. None: not limited by Svend, but by the server that runs it."""

    wall_seconds: float
    memory_bytes: int | None
    output_bytes: int
    calls_at_once: int


class ToolDescription(Wire):
    name: str
    description: str
    parameters: dict[str, Any]  # JSON schema
    source: Literal["built-in", "plug-in", "mcp"]
    server: str = ""  # of an MCP tool
    fence_tier: str = ""  # what it runs in; empty: outside the fence, as the operator configured
    is_available: bool = True
    unavailable_reason: str = ""
    limits: ToolLimits


class ToolList(Wire):
    tools: list[ToolDescription]


class ToolTrialRequest(Wire):
    """`arguments` is JSON text, as a model would write it: what is wrong with it is told as the model is told."""

    arguments: str = Field(max_length=TRIAL_ARGUMENTS_CHARACTERS_MAX)
    timeout_seconds: float = Field(default=10.0, gt=0, le=TRIAL_SECONDS_MAX)


class ToolTrial(Wire):
    status: ToolStatus
    text: str
    wall_ms: float
    is_truncated: bool = False
    attachments: list[ToolAttachment] = []
