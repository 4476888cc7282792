"""What is served beside the API: the web UI's shell, probes, the local mail page, Django's own failures.

The web UI is one page: every path that no other route takes answers with its index.html; hashed assets are
served by ServeStatic.
"""

import html

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django_prometheus.exports import ExportToDjangoView

from backend.core.addresses import address_is_loopback, address_is_private
from backend.core.errors import ApplicationError, NotAllowed, NotFound, error_response
from backend.core.mail import messages_recent

API_PREFIXES = ("/api/", "/v1/", "/_allauth/", "/ws/", "/static/", "/assets/")

BUILDING_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Svend</title>
<h1>The web UI is being built</h1><p>The API is already up: <a href="/docs">/docs</a>. Reload in a minute.</p></html>"""


@never_cache
@ensure_csrf_cookie
def app(request: HttpRequest) -> HttpResponse:
    """The web UI, or a JSON 404 for what looks like an API path."""
    if request.path.startswith(API_PREFIXES):
        return error_response(NotFound(f"Unknown request URL: {request.method} {request.path}.", code="unknown_url"))
    index = settings.FRONTEND_DIST / "index.html"
    if not index.is_file():
        return HttpResponse(BUILDING_PAGE, status=200)
    return HttpResponse(index.read_text(encoding="utf-8"))


def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: the process answers. Says nothing of its far ends."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: PostgreSQL and Valkey answer."""
    failing = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:
        failing["postgresql"] = type(error).__name__
    try:
        cache.get("readyz")
    except Exception as error:
        failing["valkey"] = type(error).__name__
    return JsonResponse({"status": "failing" if failing else "ok", "failing": failing}, status=503 if failing else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' page, for machines of our own network only: paths and rates are nobody else's business."""
    if not address_is_private(request.META.get("REMOTE_ADDR", "")):
        raise Http404
    page: HttpResponse = ExportToDjangoView(request)
    return page


def dev_mail(request: HttpRequest) -> HttpResponse:
    """Local mode only: the mail that a production server would have sent."""
    if not settings.IS_LOCAL or not address_is_loopback(request.META.get("REMOTE_ADDR", "")):
        raise Http404
    blocks = "".join(f"<pre>{html.escape(text)}</pre><hr>" for text in messages_recent()) or "<p>No mail yet.</p>"
    return HttpResponse(f'<!doctype html><meta charset="utf-8"><title>Mail</title><h1>Mail</h1>{blocks}')


def csrf_failed(request: HttpRequest, reason: str = "") -> JsonResponse:
    return error_response(NotAllowed(f"CSRF: {reason}", code="csrf_failed"))


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return error_response(ApplicationError("The request could not be read."))


def server_error(request: HttpRequest) -> JsonResponse:
    error = ApplicationError("Something failed on our side.", code="internal", status=500, type="server_error")
    return error_response(error)
