"""Connects new accounts to their trial grant."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "backend.metering"
