"""Core: what every app stands on. Its one table is the audit log."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "backend.core"
    default_auto_field = "django.db.models.BigAutoField"
