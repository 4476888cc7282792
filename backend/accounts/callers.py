"""Caller: on whose behalf a request runs. Small, frozen and JSON-able, because it is cached in Valkey."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

from backend.core.errors import NotAllowed

Scope = Literal["inference", "usage", "jobs", "admin"]
ALL_SCOPES: frozenset[str] = frozenset({"inference", "usage", "jobs", "admin"})
PERSON_SCOPES: frozenset[str] = frozenset({"inference", "usage"})  # a signed-in person's, and a new key's


@dataclass(frozen=True, kw_only=True)
class Caller:
    account_id: str
    name: str  # of the key, the person, or "local"
    scopes: frozenset[str]
    api_key_id: str | None = None
    api_key_version: int = 0
    user_id: int | None = None
    is_local: bool = False
    requests_per_minute: int | None = None  # None: metering's default
    tokens_per_minute: int | None = None

    is_authenticated = True  # what DRF's IsAuthenticated asks of request.user

    @property
    def actor(self) -> str:
        """Who the audit log says acted: the person's e-mail, the key, or the local account."""
        return f"key {self.name} ({self.api_key_id})" if self.api_key_id else self.name

    def require(self, scope: Scope) -> None:
        """Raises NotAllowed (403) unless the caller holds `scope`."""
        if scope not in self.scopes:
            raise NotAllowed(f"This API key lacks the scope {scope!r}.", code="missing_scope")


def caller_dump(caller: Caller) -> str:
    return json.dumps({**dataclasses.asdict(caller), "scopes": sorted(caller.scopes)})


def caller_load(text: str | bytes) -> Caller:
    fields = json.loads(text)
    return Caller(**{**fields, "scopes": frozenset(fields["scopes"])})
