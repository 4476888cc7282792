"""OpenAI-shaped routes for a node used alone: models, chat completions, completions.

A request becomes a run of the node and its frames are projected as the public API does it. Not here: keys, money,
limits (the backend's), OpenAI parameters that change nothing on a single node. Whoever leaves a request ends its
run: nobody else knows the run's id.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gpu_node.protocol.frames import Frame, Search, frame_parse
from gpu_node.protocol.node import HEARTBEAT_SECONDS
from gpu_node.protocol.projector import ChatChunks, RunProjection, TextChunks, chat_completion, text_completion
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, TOTAL_TOKENS_MAX, ClientTool, Message, RunSpec
from gpu_node.reasoning.orchestrator import RETRIES_MAX, RunRefused
from gpu_node.server.http import STATUS, body_read, first_wrong
from gpu_node.server.node import Node

COMPLETION_TOKENS_DEFAULT = 256  # of a raw continuation; OpenAI's 16 cuts every answer
GONE_CHECK_SECONDS = 0.25  # who asked without a stream and left is noticed within this

Json = dict[str, Any]


class _Svend(BaseModel):
    tools: bool = True
    verify: bool = False
    search: Search = Search()


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Request(BaseModel):
    """What both routes take; parameters of OpenAI's that mean nothing here are let through."""

    model_config = ConfigDict(extra="ignore")

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    n: Literal[1] = 1

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def answers_max(self) -> int:
        return 1

    def common(self, node: Node) -> Json:
        reasoners = [model for model in node.models if model.role == "reasoner"]
        if not reasoners:
            raise RunRefused("model_not_loaded", "this node has no model loaded")
        model = next((model for model in reasoners if model.version == self.model), reasoners[0])
        return {
            "model": self.model or model.version,
            "max_total_tokens": min(TOTAL_TOKENS_MAX, model.context_tokens * max(1 + RETRIES_MAX, self.answers_max)),
            "temperature": self.temperature or 0.0,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "seed": self.seed,
            "stop": [self.stop] if isinstance(self.stop, str) else self.stop or [],
        }


class _TextPart(BaseModel):
    type: Literal["text"]
    text: str


class _ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_TextPart] | None = None
    tool_call_id: str | None = None
    tool_calls: list[Json] | None = None

    def to_wire(self) -> Message:
        parts = self.content or ""
        content = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        role = "system" if self.role == "developer" else self.role
        return Message(role=role, content=content, tool_call_id=self.tool_call_id, tool_calls=self.tool_calls or [])


class _Function(BaseModel):
    name: str
    description: str | None = None
    parameters: Json | None = None


class _FunctionTool(BaseModel):
    type: Literal["function"]
    function: _Function


class _ChatRequest(_Request):
    messages: list[_ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = None
    tools: list[_FunctionTool] | None = None
    svend: _Svend = _Svend()

    @property
    def answers_max(self) -> int:
        return self.svend.search.answers_max

    def spec(self, node: Node) -> RunSpec:
        client_tools = [ClientTool(**tool.function.model_dump(exclude_none=True)) for tool in self.tools or []]
        return RunSpec(
            **self.common(node),
            messages=[message.to_wire() for message in self.messages],
            tools=list(BUILT_IN_TOOLS) if self.svend.tools and not client_tools else [],
            client_tools=client_tools,
            verify=self.svend.verify,
            search=self.svend.search,
            max_completion_tokens=self.max_completion_tokens or self.max_tokens,
        )


class _TextRequest(_Request):
    prompt: str | list[str] | list[int] | list[list[int]]
    ignore_eos: bool = False

    def spec(self, node: Node) -> RunSpec:
        prompt: Any = self.prompt
        if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
            if len(prompt) > 1:
                raise ValueError("prompt: one prompt a request")
            prompt = prompt[0]
        return RunSpec(
            **self.common(node),
            kind="completion",
            prompt=prompt,
            ignore_eos=self.ignore_eos,
            max_completion_tokens=self.max_tokens or COMPLETION_TOKENS_DEFAULT,
        )


async def models(request: Request) -> Response:
    node: Node = request.app.state.node
    reasoners = [model for model in node.models if model.role == "reasoner"]
    rows = [{"id": model.version, "object": "model", "created": 0, "owned_by": "svend"} for model in reasoners]
    return JSONResponse({"object": "list", "data": rows})


async def chat_completions(request: Request) -> Response:
    return await _answer(request, _ChatRequest)


async def completions(request: Request) -> Response:
    return await _answer(request, _TextRequest)


async def _answer(request: Request, kind: type[_ChatRequest] | type[_TextRequest]) -> Response:
    node: Node = request.app.state.node
    run_id = f"run_{secrets.token_hex(12)}"
    try:
        asked = kind.model_validate_json(await body_read(request))
        node.refuse_if_draining()
        spec = asked.spec(node)
        node.runs.start(run_id=run_id, epoch=1, spec=spec)
    except RunRefused as error:
        return _error(STATUS[error.code], error.code, error.message)
    except ValidationError as error:
        place, said = first_wrong(error)
        return _error(400, "invalid_request", f"{place}: {said}", param=place)
    except ValueError as error:
        return _error(400, "invalid_request", str(error))
    created = int(time.time())
    if asked.stream:
        chunks = (ChatChunks if isinstance(asked, _ChatRequest) else TextChunks)(
            run_id=run_id,
            created=created,
            include_usage=asked.include_usage,
            is_answer_held=spec.is_answer_held,
            model=spec.model,
        )
        return StreamingResponse(_sse(node, run_id, chunks), media_type="text/event-stream")
    projection = RunProjection(model=spec.model)
    async with aclosing(_frames(node, run_id, quiet_seconds=GONE_CHECK_SECONDS)) as frames:
        async for frame in frames:
            if frame is not None:
                projection.apply(frame)
            elif await request.is_disconnected():
                break
    if projection.error_code is not None:
        return _error(500, projection.error_code, projection.error_message or "")
    write = chat_completion if isinstance(asked, _ChatRequest) else text_completion
    return JSONResponse(write(projection, run_id=run_id, created=created))


async def _frames(node: Node, run_id: str, *, quiet_seconds: float) -> AsyncGenerator[Frame | None, None]:
    """The run's frames as they come, None for a quiet while. Leaving it before the end cancels the run."""
    log = node.store.log_find(run_id, 1)
    assert log is not None
    try:
        async for lines in log.follow(after=0, heartbeat_seconds=quiet_seconds):
            for line in lines.splitlines():
                yield frame_parse(line) if line else None
    finally:
        node.runs.cancel(run_id)  # one that has ended stays as it ended


async def _sse(node: Node, run_id: str, chunks: ChatChunks | TextChunks) -> AsyncIterator[str]:
    async with aclosing(_frames(node, run_id, quiet_seconds=HEARTBEAT_SECONDS)) as frames:
        async for frame in frames:
            if frame is None:
                yield ": still at work\n\n"
                continue
            for chunk in chunks.feed(frame):
                yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
    if chunks.projection.error_code is not None:
        error = _error_object(chunks.projection.error_code, chunks.projection.error_message or "")
        yield f"data: {json.dumps(error)}\n\n"
    yield "data: [DONE]\n\n"


def _error_object(code: str, message: str, param: str | None = None) -> Json:
    kind = "server_error" if STATUS.get(code, 500) >= 500 and code != "invalid_request" else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _error(status: int, code: str, message: str, param: str | None = None) -> Response:
    return JSONResponse(_error_object(code, message, param), status_code=status)


ROUTES = [
    Route("/v1/models", models, methods=["GET"]),
    Route("/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/v1/completions", completions, methods=["POST"]),
]
