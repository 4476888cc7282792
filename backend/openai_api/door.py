"""The door of /v1: method, caller, body, errors and headers, the same for every route.

Every answer, refusals too, is JSON in OpenAI's shape and carries the rate-limit headers once the caller is known.
On the OpenAI-shaped routes a lack of money is `429 insufficient_quota`, because that is what their clients
understand; `x-should-retry: false` keeps them from trying again.
"""

import functools
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from pydantic import BaseModel, ValidationError

from backend.accounts.callers import Caller, Scope
from backend.accounts.services import caller_from_request
from backend.core.errors import ApplicationError, answers_errors
from backend.core.threads import service_call
from backend.metering.services import InsufficientFunds

BodyType = TypeVar("BodyType", bound=BaseModel)
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


class Request(HttpRequest):
    """A request past the door."""

    caller: Caller
    answer_headers: dict[str, str]  # for every answer to it, refusals too


class MethodNotAllowed(ApplicationError):
    code, status = "method_not_allowed", 405


class UnsupportedMediaType(ApplicationError):
    code, status = "unsupported_media_type", 415


class BodyTooLarge(ApplicationError):
    code, status = "request_too_large", 413


def v1_view(scope: Scope, *, methods: tuple[str, ...], is_openai_shaped: bool = True) -> Callable[[View], View]:
    """Wraps an async view: authenticates, gives errors their shape and every answer its headers."""

    def decorate(view: View) -> View:
        @answers_errors
        async def entered(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    allowed = ", ".join(methods)
                    raise MethodNotAllowed(f"Use {allowed} here, not {request.method}.", headers={"allow": allowed})
                request.caller = await service_call(caller_from_request, request)
                request.caller.require(scope)
                return await view(request, *args, **kwargs)
            except InsufficientFunds as error:
                if is_openai_shaped:
                    error.status, error.code = 429, InsufficientFunds.code  # a cap too: their clients know one word
                raise

        @functools.wraps(view)
        async def wrapped(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            request.answer_headers = {}
            response = await entered(request, *args, **kwargs)
            for name, value in request.answer_headers.items():
                response.headers.setdefault(name, value)
            retry_after = response.headers.get("retry-after")
            if retry_after is not None:
                response.headers.setdefault("retry-after-ms", str(int(retry_after) * 1000))
            return response

        return wrapped

    return decorate


def body_parse(request: HttpRequest, body_type: type[BodyType]) -> BodyType:
    """The request's JSON body as `body_type`.

    Raises:
        UnsupportedMediaType, BodyTooLarge, ApplicationError: each says what is wrong, and `param` where.
    """
    if request.content_type not in ("application/json", ""):
        raise UnsupportedMediaType(f"Send content-type: application/json, not {request.content_type!r}.")
    try:
        raw = request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge("The request body is too large: at most 1 MB.") from error
    if not raw.strip():
        raise ApplicationError("The request body is empty: send a JSON object.", code="invalid_json")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ApplicationError("The request body is not UTF-8.", code="invalid_json") from error
    try:
        return body_type.model_validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> ApplicationError:
    # The deepest problem is the one meant: for a union, pydantic lists each alternative's.
    first = max(error.errors(include_url=False, include_input=False), key=lambda problem: len(problem["loc"]))
    if first["type"] == "json_invalid":
        return ApplicationError(f"The request body is not valid JSON: {first['msg']}.", code="invalid_json")
    param = _path(first["loc"])
    if first["type"] == "missing":
        return ApplicationError(f"You must provide {param}.", code="missing_required_parameter", param=param)
    return ApplicationError(f"{param or 'body'}: {first['msg']}.", code="invalid_value", param=param or None)


def _path(location: tuple[int | str, ...]) -> str:
    """`("messages", 0, "content", "str")` -> `messages[0].content`: names of union members are left out."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part not in ("str", "bool", "int", "float"):
            path += f".{part}" if path else part
    return path


def sse(data: dict[str, Any] | str) -> bytes:
    """One server-sent event; never named, because named ones break OpenAI's clients."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def answer(body: dict[str, Any], *, status: int = 200) -> JsonResponse:
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})
