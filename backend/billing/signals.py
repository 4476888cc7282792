"""What billing tells the apps above it."""

from typing import Any

from django.dispatch import Signal

# Sent inside the transaction of each change that a person or Stripe set off, for the audit log, with `action`,
# `account_id`, `target`, `before`, `after`, `actor`, `reason`. An exception of a receiver undoes the change.
billing_changed = Signal()


def changed(
    *,
    action: str,
    account_id: str,
    target: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: str,
    reason: str = "",
) -> None:
    billing_changed.send(
        sender=None,
        action=action,
        account_id=account_id,
        target=target,
        before=before,
        after=after,
        actor=actor,
        reason=reason,
    )
