"""Connects new accounts to their trial grant."""

from typing import Any

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "backend.metering"

    def ready(self) -> None:
        from backend.accounts.signals import account_created

        account_created.connect(_on_account_created, dispatch_uid="trial_grant")


def _on_account_created(sender: Any, account_id: str, is_local: bool, **kwargs: Any) -> None:
    from backend.metering.services import trial_grant

    if not is_local:  # it has its own, larger grant
        trial_grant(account_id=account_id)
