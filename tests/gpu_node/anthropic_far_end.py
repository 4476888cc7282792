"""Anthropic's far end for tests: checks each request by the official client's own types and answers with them."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from anthropic.types import Message, TextBlock, Usage
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.gpu_node.scripted_node import QuietServer

KEY = "sk-ant-test"
_params: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)


def error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return JSONResponse(body, status_code=status, headers=headers)


@dataclass
class FarEnd:
    """`answer` makes the text; `failures` are given first, one a request."""

    answer: Callable[[str], str]
    failures: list[Response] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    async def messages(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":  # as the client's second major version sends it
            return error(401, "authentication_error", "invalid key")
        if "anthropic-version" not in request.headers:
            return error(400, "invalid_request_error", "anthropic-version: header is required")
        try:
            list(_params.validate_json(await request.body())["messages"])  # an iterable is checked as it is read
        except ValidationError as refused:
            return error(400, "invalid_request_error", str(refused.errors()[0]["msg"]))
        params = await request.json()
        self.asked.append(params)
        if self.failures:
            return self.failures.pop(0)
        text = self.answer(params["messages"][0]["content"])
        is_cut = len(text) > params["max_tokens"]
        message = Message(
            id=f"msg_{len(self.asked)}",
            type="message",
            role="assistant",
            model=params["model"],
            content=[TextBlock(type="text", text=text[: params["max_tokens"]])],
            stop_reason="max_tokens" if is_cut else "end_turn",
            usage=Usage(input_tokens=20, output_tokens=min(len(text), params["max_tokens"])),
        )
        return JSONResponse(message.model_dump(mode="json"))


def _server(far_end: FarEnd) -> QuietServer:
    app = Starlette(routes=[Route("/v1/messages", far_end.messages, methods=["POST"])])
    return QuietServer(uvicorn.Config(app, log_level="warning"))


@asynccontextmanager
async def far_end_served(far_end: FarEnd) -> AsyncIterator[str]:
    listener, server = socket.create_server(("127.0.0.1", 0)), _server(far_end)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@contextmanager
def far_end_in_a_thread(far_end: FarEnd) -> Iterator[str]:
    """For a command that runs a loop of its own."""
    listener, server = socket.create_server(("127.0.0.1", 0)), _server(far_end)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"  # the socket listens already: who comes early waits
    finally:
        server.should_exit = True
        thread.join()
