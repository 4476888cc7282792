"""What billing's changes leave in the audit log: in the transaction of each change, so neither stands alone."""

from typing import Any

from django.dispatch import receiver

from backend.billing.signals import billing_changed
from backend.core.audit import Area, audit_write


@receiver(billing_changed)
def payment_audit(
    sender: Any,
    *,
    action: str,
    account_id: str,
    target: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: str,
    reason: str,
    **_: Any,
) -> None:
    audit_write(
        area=Area.MONEY,
        action=action,
        account_id=account_id,
        target=target,
        before=before,
        after=after,
        actor=actor,
        reason=reason,
    )
