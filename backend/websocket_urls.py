"""Websocket routes, the counterpart of urls.py: only this file and urls.py import consumers and apis."""

from django.urls import URLPattern

websocket_urlpatterns: list[URLPattern] = []
