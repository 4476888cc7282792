"""Every HTTP route. Only this file imports `apis`; websockets are in websocket_urls.py."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from backend.accounts import apis as accounts
from backend.core import pages
from backend.metering import apis as metering

urlpatterns: list[URLPattern | URLResolver] = [
    # accounts
    path("_allauth/", include("allauth.headless.urls")),
    path("welcome/<str:token>", accounts.welcome),
    # metering
    path("api/me", metering.MeApi.as_view()),
    path("api/keys", metering.KeysApi.as_view()),
    path("api/keys/<str:api_key_id>", metering.KeyApi.as_view()),
    path("api/usage/summary", metering.UsageSummaryApi.as_view()),
    path("api/usage/runs", metering.UsageRunsApi.as_view()),
    # the machine's own
    path("healthz", pages.healthz),
    path("readyz", pages.readyz),
    path("metrics", pages.metrics),
    path("dev/mail", pages.dev_mail),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema")),
    re_path(r"^.*$", pages.app),
]

handler400 = "backend.core.pages.bad_request"
handler500 = "backend.core.pages.server_error"
