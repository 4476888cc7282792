"""Billing hears from metering when a balance ran low."""

from typing import Any

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "backend.billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backend.metering.signals import balance_low

        balance_low.connect(_on_balance_low, dispatch_uid="auto_top_up")


def _on_balance_low(sender: Any, account_id: str, **kwargs: Any) -> None:
    from backend.core.queue import TASK_AUTO_TOP_UP, enqueue

    enqueue(TASK_AUTO_TOP_UP, account_id)
