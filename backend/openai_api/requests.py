"""What /v1 accepts: pydantic models of the request bodies, and how each becomes a RunSpec.

OpenAI's names. Unknown fields are ignored, because clients send many; known ones that we cannot honour are
refused by name, because ignoring them would answer another question than the one asked.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.core.errors import ApplicationError
from gpu_node.protocol.frames import Search
from gpu_node.protocol.run_spec import (
    BUILT_IN_TOOLS,
    MESSAGES_MAX,
    STOP_STRINGS_MAX,
    TOOLS_MAX,
    TOTAL_TOKENS_MAX,
    ClientTool,
    Message,
    ToolName,
)

COMPLETION_TOKENS_DEFAULT = 256  # of a raw continuation without `max_tokens`; OpenAI's 16 cuts every answer


class Unsupported(ApplicationError):
    """A known parameter that this server does not honour."""

    code = "unsupported"


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Tokens = Annotated[int, Field(ge=1, le=TOTAL_TOKENS_MAX)]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class StreamOptions(Body):
    include_usage: bool = False


class SvendOptions(Body):
    """The request key `svend`: what only we can do."""

    tools: bool | Annotated[list[ToolName], Field(max_length=TOOLS_MAX)] = True
    verify: bool = False
    search: Search | None = None

    @property
    def tool_names(self) -> list[ToolName]:
        if isinstance(self.tools, bool):
            return list(BUILT_IN_TOOLS) if self.tools else []
        return self.tools


class ContentPart(Body):
    type: str
    text: Text = ""


class ChatMessage(Body):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[ContentPart] | None = None
    tool_call_id: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Function(Body):
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolDeclared(Body):
    type: Literal["function"]
    function: Function


class Sampled(Body):
    """What every door takes."""

    model: str | None = None
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)
    seed: int | None = None


class OpenAiBody(Sampled):
    """What OpenAI's two doors share."""

    stream_options: StreamOptions | None = None
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: Text | list[Text] | None = None
    n: int | None = None

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def stop_strings(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def check_shared(self) -> None:
        if self.n not in (None, 1):
            raise Unsupported("Only n=1 is supported: send the request again for another answer.", param="n")
        if len(self.stop_strings) > STOP_STRINGS_MAX or "" in self.stop_strings:
            raise ApplicationError(
                f"stop takes at most {STOP_STRINGS_MAX} strings, none of them empty.",
                code="invalid_value",
                param="stop",
            )


class ChatBody(OpenAiBody):
    messages: list[ChatMessage] = Field(min_length=1, max_length=MESSAGES_MAX)
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    tools: list[ToolDeclared] | None = Field(default=None, max_length=64)
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    svend: SvendOptions = SvendOptions()

    @property
    def completion_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def check(self) -> None:
        """Raises for what is well-formed but cannot be honoured."""
        self.check_shared()
        if self.logprobs or self.top_logprobs:
            raise Unsupported("logprobs are not supported yet.", param="logprobs" if self.logprobs else "top_logprobs")
        if (self.response_format or {"type": "text"}).get("type") != "text":
            raise Unsupported("Only response_format {'type': 'text'} is supported.", param="response_format")
        if self.tool_choice not in (None, "auto", "none"):
            raise Unsupported("tool_choice can be 'auto' or 'none': a call cannot be forced.", param="tool_choice")
        if self.tools and self.svend.search is not None and self.svend.search.is_on:
            raise Unsupported(
                "A search runs the model's own tools only: leave `tools` out, or search 'none'.", param="svend.search"
            )

    def wire_messages(self) -> list[Message]:
        """The messages as the node takes them. Raises ApplicationError, naming the message."""
        known_calls: set[str] = set()
        messages = []
        for index, message in enumerate(self.messages):
            path = f"messages[{index}]"
            calls = message.tool_calls or []
            known_calls |= {str(call.get("id")) for call in calls}
            if message.role == "tool" and message.tool_call_id not in known_calls:
                raise ApplicationError(
                    f"{path}: no earlier message has a tool call {message.tool_call_id!r}.",
                    code="invalid_value",
                    param=f"{path}.tool_call_id",
                )
            role = "system" if message.role == "developer" else message.role
            text = _content_text(message, path)
            messages.append(Message(role=role, content=text, tool_call_id=message.tool_call_id, tool_calls=calls))
        return messages

    def client_tools(self) -> list[ClientTool]:
        if self.tool_choice == "none":
            return []
        return [
            ClientTool(
                name=tool.function.name,
                description=tool.function.description or "",
                parameters=tool.function.parameters or {},
            )
            for tool in self.tools or []
        ]


def _content_text(message: ChatMessage, path: str) -> str:
    if message.content is None:
        if message.role == "assistant":
            return ""
        raise ApplicationError(f"{path}.content is missing.", code="invalid_value", param=f"{path}.content")
    if isinstance(message.content, str):
        return message.content
    for index, part in enumerate(message.content):
        if part.type != "text":
            raise Unsupported(
                f"{path}.content[{index}]: only text parts are supported, not {part.type!r}.",
                param=f"{path}.content[{index}]",
            )
    return "".join(part.text for part in message.content)


class CompletionBody(OpenAiBody):
    prompt: Text | list[Text] | list[int] | list[list[int]]
    max_tokens: int | None = Field(default=None, ge=1, le=TOTAL_TOKENS_MAX)
    logprobs: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None

    def check(self) -> None:
        self.check_shared()
        for name in ("logprobs", "echo", "suffix"):
            if getattr(self, name) not in (None, False, ""):
                raise Unsupported(f"{name} is not supported yet.", param=name)
        if self.best_of not in (None, 1):
            raise Unsupported("Only best_of=1 is supported.", param="best_of")

    def one_prompt(self) -> str | list[int]:
        """The one prompt: text, or token ids. Raises Unsupported for several."""
        prompt = self.prompt
        if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
            if len(prompt) > 1:
                raise Unsupported("Only one prompt a request is supported.", param="prompt")
            prompt = prompt[0]
        if not prompt:
            raise ApplicationError("prompt must not be empty.", code="invalid_value", param="prompt")
        return cast(str | list[int], prompt)


class ReasonBody(Sampled):
    question: Annotated[Text, Field(min_length=1)]
    allow_tools: bool = True
    tools: Annotated[list[ToolName], Field(max_length=TOOLS_MAX)] | None = None
    verify: bool = False
    search: Search | None = None
    max_total_tokens: Tokens | None = None
    max_cost_nano_usd: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Tokens | None = None
    background: bool = False

    @property
    def tool_names(self) -> list[ToolName]:
        if not self.allow_tools:
            return []
        return list(BUILT_IN_TOOLS) if self.tools is None else self.tools

    def check(self) -> None:
        if self.background and self.stream:
            raise ApplicationError(
                "A background run is not streamed by its own request: GET /v1/reason/{id}/events streams it.",
                code="invalid_value",
                param="stream",
            )
