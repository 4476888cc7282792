"""Console: what only the operator sees, over all of the product. No tables of its own."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "backend.console"
    default_auto_field = "django.db.models.BigAutoField"
