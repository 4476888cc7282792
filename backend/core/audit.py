"""Writing to the audit log: who, what, before and after, the request, when.

`audit_write` is called by the services that make a change, inside the change's own transaction: it asserts one. Who
acts is known from the request (`actor_set`, at authentication); outside a request it is the program that runs.
"""

import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from django.db import connection

from backend.core.models import AuditEntry
from backend.core.request_context import request_id_now

ACTOR_CHARS_MAX = 160
TARGET_CHARS_MAX = 160

_actor: ContextVar[str] = ContextVar("actor", default="")

Area = AuditEntry.Area


def actor_set(actor: str) -> None:
    """Says who acts from here to the end of the request. Empty: nobody is known yet."""
    _actor.set(actor)


def actor_now() -> str:
    """Who acts: the caller of the request, else the program (`manage.py seed_local`, `celery`)."""
    return _actor.get() or _program()


def _program() -> str:
    path = Path(sys.argv[0])
    name = path.parent.name if path.name == "__main__.py" else path.name  # `python -m celery` is celery
    return f"{name} {sys.argv[1]}" if name == "manage.py" and len(sys.argv) > 1 else name


def audit_write(
    *,
    area: AuditEntry.Area,
    action: str,
    target: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    account_id: str = "",
    actor: str = "",
    reason: str = "",
) -> None:
    """Writes one entry. `actor` where the service knows better than the request who acts."""
    assert connection.in_atomic_block, f"{action}: an audit entry stands or falls with its change"
    AuditEntry.objects.create(
        area=area,
        action=action,
        actor=(actor or actor_now())[:ACTOR_CHARS_MAX],
        account_id=account_id,
        target=target[:TARGET_CHARS_MAX],
        before=before,
        after=after,
        reason=reason,
        request_id=request_id_now(),
    )
