"""Two Django handlers in one process: /v1 runs V1_MIDDLEWARE, everything else runs MIDDLEWARE; and the pieces' door.

Django has one middleware list for all; its own middlewares hop to a thread and back on every request, which
the token path, without sessions and forms, should not pay. Both sit behind a limit on the body's bytes, because
Django writes a body of any size to disk before it looks at the request.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from backend.core import artifact_door
from backend.core.ids import request_id_make

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class V1Handler(ASGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        """Builds the chain from V1_MIDDLEWARE. Runs once, at import, before any request is served."""
        pages = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.V1_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = pages


# Twice what views accept (DATA_UPLOAD_MAX_MEMORY_SIZE): up to there they answer by themselves, in their words.
BODY_BYTES_MAX = 2_097_152
# A body above it is read and thrown away up to here, so that its sender gets to read the answer.
DISCARDED_BYTES_MAX = 67_108_864

TOO_LARGE = {
    "message": "The request body is too large: at most 1 MB.",
    "type": "invalid_request_error",
    "param": None,
    "code": "request_too_large",
}


class HttpRouter:
    def __init__(self) -> None:
        self.v1 = V1Handler()
        self.pages = ASGIHandler()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["path"].startswith(artifact_door.PREFIX):  # checks signature and size by itself
            await artifact_door.artifact_door(scope, receive, send)
            return
        if _declared_bytes(scope) > BODY_BYTES_MAX:
            await _refuse_body(receive, send)
            return
        handler = self.v1 if scope["path"].startswith("/v1/") else self.pages
        await handler(scope, _receive_limited(receive), send)  # type: ignore[arg-type]


def _declared_bytes(scope: dict[str, Any]) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


def _receive_limited(receive: Receive) -> Receive:
    """Counts a body that did not declare its length; past the limit the sender is taken to have gone."""
    num_bytes = 0

    async def limited() -> dict[str, Any]:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        return message if num_bytes <= BODY_BYTES_MAX else {"type": "http.disconnect"}

    return limited


async def _refuse_body(receive: Receive, send: Send) -> None:
    num_bytes, has_more = 0, True
    while has_more and num_bytes <= DISCARDED_BYTES_MAX:
        message = await receive()
        num_bytes += len(message.get("body", b""))
        has_more = bool(message.get("more_body"))
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id_make().encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": TOO_LARGE}).encode()})


class OriginRouter:
    """Websockets bypass CORS: one with an Origin (a browser's) must name our own host, and only it has a session.

    One without an Origin comes from a program: its cookies are not read, `scope["user"]` is None, and the
    consumer authenticates its first message.
    """

    def __init__(self, routes: Any) -> None:
        self.browsers = AllowedHostsOriginValidator(AuthMiddlewareStack(routes))
        self.programs = routes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if any(name == b"origin" for name, _ in scope["headers"]):
            await self.browsers(scope, receive, send)
        else:
            await self.programs({**scope, "user": None}, receive, send)
