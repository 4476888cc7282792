"""Websocket routes, the counterpart of urls.py: only this file and urls.py import consumers and apis."""

from django.urls import URLPattern, path

from backend.runs.consumers import RunConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/runs/<str:run_id>", RunConsumer.as_asgi()),
]
