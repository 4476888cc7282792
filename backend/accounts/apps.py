"""Connects sign-up to the making of an account."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "backend.accounts"

    def ready(self) -> None:
        from backend.accounts import signals

        signals.connect()
