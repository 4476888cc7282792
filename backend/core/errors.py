"""One error shape everywhere: OpenAI's `{"error": {"message", "type", "param", "code"}}`.

Services raise ApplicationError; the edges (DRF's handler, `error_response`, the two view wrappers) turn it
into an answer. Anything else that escapes is a 500 without a trace in it; the trace goes to the log.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

log = structlog.get_logger(__name__)


class ApplicationError(Exception):
    """Something the caller can understand and act on."""

    code = "invalid_request"
    status = 400
    type = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        type: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status = status or self.status
        self.type = type or self.type
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class NotAuthenticated(ApplicationError):
    code, status, type = "invalid_api_key", 401, "invalid_request_error"

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(message, headers={"www-authenticate": "Bearer"}, **kwargs)


class NotAllowed(ApplicationError):
    code, status, type = "permission_denied", 403, "permission_error"


class NotFound(ApplicationError):
    code, status = "not_found", 404


class ServiceUnavailable(ApplicationError):
    """Ours to mend, soon: the caller may try again after `retry_after_seconds`."""

    code, status, type = "service_unavailable", 503, "server_error"

    def __init__(self, message: str, *, retry_after_seconds: int = 1, **kwargs: Any) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after_seconds)}, **kwargs)


def error_response(error: ApplicationError) -> JsonResponse:
    return JsonResponse(error.body(), status=error.status, headers=error.headers)


def unexpected_response(error: Exception) -> JsonResponse:
    """A 500 that says nothing of our inside; the request id leads to the log."""
    log.error("request.failed", exc_info=error)
    return JsonResponse(
        {
            "error": {
                "message": "Something failed on our side.",
                "type": "server_error",
                "param": None,
                "code": "internal",
            }
        },
        status=500,
    )


def _to_application_error(error: Exception) -> ApplicationError | None:
    if isinstance(error, ApplicationError):
        return error
    if isinstance(error, Http404):
        return NotFound("Not found.")
    if isinstance(error, PermissionDenied):
        return NotAllowed(str(error) or "Not allowed.")
    if isinstance(error, drf.ValidationError):
        param, message = _first_problem(error.detail)
        return ApplicationError(message, code="invalid_value", param=param)
    if isinstance(error, drf.APIException):
        kind = "server_error" if error.status_code >= 500 else "invalid_request_error"
        code = error.get_codes() if isinstance(error.get_codes(), str) else "invalid_request"
        return ApplicationError(str(error.detail), code=str(code), status=error.status_code, type=kind)
    return None


def _first_problem(detail: Any, path: str = "") -> tuple[str | None, str]:
    """Walks DRF's nested detail to its first leaf: (dotted path, message)."""
    if isinstance(detail, dict) and detail:
        key, value = next(iter(detail.items()))
        return _first_problem(value, path if key == "non_field_errors" else f"{path}.{key}".strip("."))
    if isinstance(detail, list) and detail:
        return _first_problem(next((item for item in detail if item), ""), path)
    return path or None, f"{path}: {detail}" if path else str(detail)


def drf_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    known = _to_application_error(error)
    if known is None:
        return None  # Django logs it and `server_error` answers
    headers = dict(known.headers)
    if isinstance(error, drf.APIException) and getattr(error, "auth_header", None):
        headers["www-authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    return Response(known.body(), status=known.status, headers=headers)


def answers_errors(
    view: Callable[..., Awaitable[HttpResponseBase]],
) -> Callable[..., Awaitable[HttpResponseBase]]:
    """Wraps a plain async view so that its errors have the one shape."""

    @functools.wraps(view)
    async def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return await view(request, *args, **kwargs)
        except Exception as error:
            known = _to_application_error(error)
            return error_response(known) if known else unexpected_response(error)

    return wrapped
