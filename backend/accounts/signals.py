"""What accounts tells the apps above it, and what it hears from allauth."""

from typing import Any

from allauth.account.signals import user_signed_up
from django.dispatch import Signal

# Sent inside the transaction that makes the account, with `account_id` and `is_local`. metering grants the trial on it.
account_created = Signal()


def _on_signed_up(sender: Any, user: Any, **kwargs: Any) -> None:
    from backend.accounts.services import account_create
    from backend.core.audit import actor_set

    actor_set(user.email)
    account_create(name=user.email, owner=user)


def connect() -> None:
    user_signed_up.connect(_on_signed_up, dispatch_uid="account_for_new_user")
