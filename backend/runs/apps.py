"""Runs: one answer to one question each, its log and its settlement."""

from importlib import import_module

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "backend.runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("backend.runs.receivers")  # connects them
