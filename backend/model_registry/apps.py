"""The model registry: versions, how they were measured, where aliases point."""

from django.apps import AppConfig


class ModelRegistryConfig(AppConfig):
    name = "backend.model_registry"
    default_auto_field = "django.db.models.BigAutoField"
