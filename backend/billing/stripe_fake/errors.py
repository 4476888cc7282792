"""Refusals in Stripe's shape: a status and an error object. What is raised here is an answer, never a crash."""

from typing import Any

Json = dict[str, Any]


class StripeRefusal(Exception):
    """An error answer. `is_saved`: whether an Idempotency-Key remembers it (what failed validation is forgotten)."""

    def __init__(self, status: int, kind: str, message: str, *, is_saved: bool = False, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.is_saved = is_saved
        self.error: Json = {"type": kind, "message": message, **{k: v for k, v in details.items() if v is not None}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeRefusal:
    return StripeRefusal(400, "invalid_request_error", message, param=param, code=code)


def missing_parameter(name: str) -> StripeRefusal:
    return invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")


def no_such(kind: str, object_id: str, *, param: str = "id") -> StripeRefusal:
    message = f"No such {kind.replace('_', ' ')}: '{object_id}'"
    return StripeRefusal(404, "invalid_request_error", message, param=param, code="resource_missing")


def rate_limited(message: str, code: str = "rate_limit") -> StripeRefusal:
    return StripeRefusal(429, "invalid_request_error", message, code=code)


def broken() -> StripeRefusal:
    return StripeRefusal(500, "api_error", "An error occurred with our connection to our provider.", is_saved=True)
