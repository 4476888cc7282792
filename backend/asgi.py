"""The ASGI application: /v1 by a lean handler, pages and /api by Django's full one, websockets by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

import django

django.setup()

# ruff: noqa: E402  (Django must be set up before anything below is imported)
from channels.routing import ProtocolTypeRouter, URLRouter

from backend.core.handlers import HttpRouter, OriginRouter
from backend.core.telemetry import telemetry_start, telemetry_wrap
from backend.websocket_urls import websocket_urlpatterns

telemetry_start("svend-web")
application = telemetry_wrap(
    ProtocolTypeRouter({"http": HttpRouter(), "websocket": OriginRouter(URLRouter(websocket_urlpatterns))})
)
