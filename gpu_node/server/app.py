"""The node's ASGI application: routes, the secret, start and end.

Not here: sockets and signals (`serve_command`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from gpu_node.server import jobs_api, metrics_api, models_api, openai_routes, plans_api, runs_api, tools_api
from gpu_node.server.http import SecretRequired, refusal
from gpu_node.server.logs import RequestIds
from gpu_node.server.node import Node


def app_build(node: Node, *, secret: str) -> Starlette:
    """With an empty secret there is no authentication: only for a server on loopback."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await node.start()
        try:
            yield
        finally:
            await node.close()

    app = Starlette(
        routes=[
            *runs_api.ROUTES,
            *jobs_api.ROUTES,
            *models_api.ROUTES,
            *plans_api.ROUTES,
            *tools_api.ROUTES,
            *openai_routes.ROUTES,
            *metrics_api.ROUTES,
        ],
        middleware=[Middleware(RequestIds), *([Middleware(SecretRequired, secret=secret)] if secret else [])],
        exception_handlers={**runs_api.EXCEPTION_HANDLERS, HTTPException: _not_found, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.node = node
    return app


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "method_not_allowed" if error.status_code == 405 else "not_found"
    return refusal(code, f"{request.method} {request.url.path}: {error.detail}")


async def _failed(_request: Request, error: Exception) -> Response:
    return refusal("internal_error", f"{type(error).__name__} in the node")
