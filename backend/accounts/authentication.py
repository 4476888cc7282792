"""DRF's authentication for /api: session with CSRF, or an API key, or in local mode the local account.

`request.user` becomes a Caller, so that a view cannot forget whose data it reads.
"""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from backend.accounts.callers import Caller, Scope
from backend.accounts.services import bearer_of, caller_from_request, caller_of_user
from backend.core.audit import actor_set


class CallerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, None]:
        caller = _caller(request._request)
        actor_set(caller.actor)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(request: Request, scope: Scope | None = None) -> Caller:
    """Who asks, as CallerAuthentication found. Raises NotAllowed: the caller does not hold `scope`."""
    caller: Caller = request.user  # type: ignore[assignment]
    if scope is not None:
        caller.require(scope)
    return caller


def _caller(plain: HttpRequest) -> Caller:
    user = getattr(plain, "user", None)
    if not bearer_of(plain) and user is not None and user.is_authenticated:
        _csrf_enforce(plain)
        return caller_of_user(user)
    return caller_from_request(plain)


def _csrf_enforce(request: HttpRequest) -> None:
    check = CSRFCheck(lambda _: None)  # type: ignore[arg-type]
    check.process_request(request)
    reason = check.process_view(request, lambda _: HttpResponse(), (), {})
    if reason:
        raise PermissionDenied(f"CSRF: {reason}", code="csrf_failed")


class CallerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = CallerAuthentication
    name = ["session", "api_key"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "cookie", "name": "svend_session"},
            {"type": "http", "scheme": "bearer", "bearerFormat": "sk-svend-…"},
        ]
