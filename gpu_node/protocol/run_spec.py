"""The body of `PUT /runs/{id}?epoch=`: everything a node needs to answer one question.

It names no user and no money: `max_total_tokens` is all that the node learns of the budget.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gpu_node.protocol.frames import PROTOCOL_VERSION, Wire
from gpu_node.protocol.frames import Search as Search  # part of a spec, and of the frame that starts a run

QUESTION_BYTES_MAX = 65_536  # a question above this never fits any shipped context
MESSAGES_MAX = 256
STOP_STRINGS_MAX = 4  # OpenAI's limit
TOTAL_TOKENS_MAX = 1_000_000

Role = Literal["system", "user", "assistant", "tool"]
# One of BUILT_IN_TOOLS, or a plug-in's or an MCP server's tool of the node, which refuses a name that it has not.
TOOL_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
ToolName = Annotated[str, Field(pattern=TOOL_NAME_PATTERN)]
BUILT_IN_TOOLS: tuple[ToolName, ...] = ("execute_python", "symbolic_math", "logic_solver")
TOOLS_MAX = 32  # of one run
# A tool that is not built in is described to the model in a turn of its own, in at most so many bytes.
TOOL_DESCRIPTION_BYTES_MAX = 4_096


class Message(Wire):
    role: Role
    content: str
    tool_call_id: str | None = None
    tool_calls: list[dict[str, Any]] = []


class ClientTool(Wire):
    """A tool of the API's caller: described to the model, run by the caller."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")
    description: str = ""
    parameters: dict[str, Any] = {}


class RunSpec(Wire):
    """One run. `kind="reason"` is orchestrated (tools, critic); `kind="completion"` is raw continuation of `prompt`."""

    protocol_version: Literal[1] = PROTOCOL_VERSION
    kind: Literal["reason", "completion"] = "reason"
    model: str
    messages: list[Message] = Field(default=[], max_length=MESSAGES_MAX)
    prompt: str | list[int] | None = None  # kind="completion": text, or token ids
    tools: list[ToolName] = Field(default=[], max_length=TOOLS_MAX)  # the tools the model may call; empty = none
    client_tools: list[ClientTool] = Field(default=[], max_length=64)
    verify: bool = False
    search: Search = Search()
    max_total_tokens: int = Field(ge=1, le=TOTAL_TOKENS_MAX)  # prompt, tool results and generated, together
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = None
    stop: list[str] = Field(default=[], max_length=STOP_STRINGS_MAX)
    ignore_eos: bool = False  # benchmarks only: generate to the limit

    @property
    def is_answer_held(self) -> bool:
        """Another answer may take the first one's place: nothing is an answer before the run has ended."""
        return self.verify or self.search.is_on

    @model_validator(mode="after")
    def _prompt_fits_kind(self) -> "RunSpec":
        if self.kind == "completion" and self.prompt is None:
            raise ValueError("kind='completion' needs `prompt`")
        if self.kind == "reason" and not self.messages:
            raise ValueError("kind='reason' needs at least one message")
        if self.client_tools and self.search.is_on:
            raise ValueError("a search runs the model's own tools only: leave `client_tools` out, or search 'none'")
        if self.kind == "completion" and self.search.is_on:
            raise ValueError("kind='completion' is one continuation: it takes no `search`")
        return self
