"""Core: what every app stands on. Its one table is the audit log."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "backend.core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from backend.core.failpoints import parsed

        if settings.FAILPOINT and not settings.FAILPOINT.startswith("in:"):
            parsed(settings.FAILPOINT)  # a point that is misspelled would never fire
