"""Two Django handlers in one process: /v1 runs V1_MIDDLEWARE, everything else runs MIDDLEWARE.

Django has one middleware list for all; its own middlewares hop to a thread and back on every request, which
the token path, without sessions and forms, should not pay.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

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


class HttpRouter:
    def __init__(self) -> None:
        self.v1 = V1Handler()
        self.pages = ASGIHandler()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        handler = self.v1 if scope["path"].startswith("/v1/") else self.pages
        await handler(scope, receive, send)  # type: ignore[arg-type]


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
