"""Websocket routes, the counterpart of urls.py: only this file and urls.py import consumers and apis."""

from django.urls import URLPattern, path

from backend.console.consumers import FleetConsumer
from backend.jobs.consumers import JobConsumer
from backend.runs.consumers import RunConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/runs/<str:run_id>", RunConsumer.as_asgi()),
    path("ws/jobs/<str:job_id>", JobConsumer.as_asgi()),
    path("ws/fleet", FleetConsumer.as_asgi()),
]
