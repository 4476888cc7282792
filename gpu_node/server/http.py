"""What all routes of the node share: the error shape, the secret, bounded and checked bodies, ids.

Every refusal is `{"error": NodeError}` with the status its code means. Not here: what a route does.
"""

import hmac
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gpu_node.protocol.node import NodeError
from gpu_node.reasoning.orchestrator import RunRefused

BODY_BYTES_MAX = 4_194_304  # 256 messages of a page each; nothing of it fits a shipped context
MANIFEST_BYTES_MAX = 67_108_864  # a 13B checkpoint with its optimiser has 4,000 pieces, each with a URL
RETRY_AFTER_SECONDS = 1
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # also a file's name: nothing else may enter a path

Body = TypeVar("Body", bound=BaseModel)

STATUS = {
    "bad_request": 400,
    "unauthorized": 401,
    "unknown_run": 404,
    "unknown_job": 404,
    "unknown_tool": 404,
    "unknown_checkpoint": 404,
    "not_found": 404,
    "model_not_loaded": 404,
    "method_not_allowed": 405,
    "stale_epoch": 409,
    "job_ended": 409,
    "model_conflict": 409,
    "body_too_large": 413,
    "invalid_spec": 422,
    "does_not_fit": 422,
    "bad_data": 422,
    "bad_input": 422,
    "no_critic": 422,
    "prompt_too_long": 422,
    "log_corrupt": 500,
    "internal_error": 500,
    "busy": 503,
    "disk_error": 503,
    "disk_full": 503,
    "draining": 503,
    "stopping": 503,
}


def refusal(code: str, message: str) -> Response:
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if STATUS[code] == 503 else {}
    body = {"error": NodeError(code=code, message=message).model_dump()}
    return JSONResponse(body, status_code=STATUS[code], headers=headers)


async def body_read(request: Request, *, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body, refused as soon as it is too large, whatever its headers say."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise RunRefused("body_too_large", f"the body is over {bytes_max} bytes")
    return bytes(body)


async def body_parse(
    request: Request, kind: type[Body], *, bytes_max: int = BODY_BYTES_MAX, code: str = "invalid_spec"
) -> Body:
    """The body as what it must be. Raises RunRefused with `code` and the first thing that is wrong."""
    body = await body_read(request, bytes_max=bytes_max)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        place, said = first_wrong(error)
        raise RunRefused(code, f"{place}: {said}") from error


def first_wrong(error: ValidationError) -> tuple[str, str]:
    """Where the first thing that is wrong stands, and what it is; what was given is not repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    return ".".join(map(str, first["loc"])) or "body", first["msg"]


def id_of(request: Request, name: str) -> str:
    """The path's `run_id` or `job_id`. Raises RunRefused."""
    given = str(request.path_params[name])
    if not ID.fullmatch(given):
        words = name.replace("_", " ")
        raise RunRefused("bad_request", f"{words} {given[:80]!r}: need 1 to 64 letters, digits, '_' or '-'")
    return given


def int_parameter(request: Request, name: str, *, default: int | None, low: int) -> int:
    """A whole number from the query. Raises RunRefused."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) < low:
        raise RunRefused("bad_request", f"{name}={text!r}: need a whole number of at least {low}")
    return int(text)


class SecretRequired:
    """Lets in who knows the node's secret. `/healthz` says nothing and needs none."""

    def __init__(self, app: ASGIApp, *, secret: str) -> None:
        self._app = app
        self._expected = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz" or self._is_right(scope):
            await self._app(scope, receive, send)
            return
        await refusal("unauthorized", "this node's secret is missing or wrong")(scope, receive, send)

    def _is_right(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return hmac.compare_digest(given, self._expected)
