"""Nodes: which GPU machines there are and how to speak to them."""

from django.apps import AppConfig


class NodesConfig(AppConfig):
    name = "backend.nodes"
    default_auto_field = "django.db.models.BigAutoField"
