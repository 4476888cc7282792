"""The far end over HTTP: Stripe's API under /v1, its pages, and /_control.

Thin: authenticate, decode, hand on, encode. Not here: any rule of any endpoint (api.py and what it lists).
"""

import asyncio
import base64
import binascii
import contextlib
import hmac
import os
import signal
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from backend.billing.stripe_fake import api, checkout_page, control, portal
from backend.billing.stripe_fake.errors import Json, StripeRefusal, broken, invalid, rate_limited
from backend.billing.stripe_fake.far_end import FarEnd
from backend.billing.stripe_fake.forms import form_decode, part_of, text_of
from backend.billing.stripe_fake.pages import PageHandler
from backend.billing.stripe_fake.routing import Call
from backend.billing.stripe_fake.world import World

BODY_BYTES_MAX = 262_144
METER_EVENT_SECONDS = 0.005  # how long one is in hand: two at a time for a customer and meter can meet
METER_EVENTS = "/v1/billing/meter_events"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def app_build(far_end: FarEnd) -> web.Application:
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/healthz", _healthz)
    for method, path, handle in control.ROUTES:
        app.router.add_route(method, path, _control(far_end, handle))
    for method, path, show in [*checkout_page.ROUTES, *portal.ROUTES]:
        app.router.add_route(method, path, _page(far_end, show))
    app.router.add_route("*", "/{path:.*}", _api(far_end))
    app.cleanup_ctx.append(_running(far_end))
    return app


def _running(far_end: FarEnd) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(far_end.webhooks.run()), asyncio.create_task(far_end.run())]
        for task in tasks:
            task.add_done_callback(_end_with)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        far_end.save()

    return context


def _end_with(task: asyncio.Task[None]) -> None:
    """Without its deliveries or its clock the far end would be half alive: it ends, and says why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)
        os.kill(os.getpid(), signal.SIGTERM)


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"is_ok": True})


def _key_given(request: web.Request) -> str:
    """Bearer, or the user of Basic: both are Stripe's ways."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            return base64.b64decode(value).decode().partition(":")[0]
        return ""
    return value if scheme.lower() == "bearer" else ""


def _authenticate(far_end: FarEnd, request: web.Request) -> None:
    given = _key_given(request)
    if not hmac.compare_digest(given.encode(), far_end.secret_key.encode()):
        message = f"Invalid API Key provided: {given[:8]}***" if given else "You did not provide an API key."
        raise StripeRefusal(401, "invalid_request_error", message)


def _control(far_end: FarEnd, handle: control.Control) -> Handle:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            _authenticate(far_end, request)
            given = await request.json() if request.can_read_body else {}
            found = await handle(far_end, request, given)
        except StripeRefusal as refusal:
            return web.json_response({"error": refusal.error}, status=refusal.status)
        except (KeyError, ValueError, TypeError) as error:
            return web.json_response({"error": {"message": f"{type(error).__name__}: {error}"}}, status=400)
        far_end.is_changed = far_end.is_changed or request.method != "GET"
        return web.json_response(found)

    return answer


def _page(far_end: FarEnd, show: PageHandler) -> Handle:
    async def answer(request: web.Request) -> web.StreamResponse:
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        page = show(far_end.world, Call(form, tuple(request.match_info.values())))
        far_end.is_changed = far_end.is_changed or request.method == "POST"
        if page.location:
            return web.Response(status=303, headers={"location": page.location})
        headers = {
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return web.Response(text=page.html, status=page.status, content_type="text/html", headers=headers)

    return answer


def _api(far_end: FarEnd) -> Handle:
    async def answer(request: web.Request) -> web.StreamResponse:
        fault = far_end.faults.take(request.path)
        if fault == "unreachable":
            return _hang_up(request)
        form: Json = {}
        try:
            _authenticate(far_end, request)
            if fault == "outage":
                raise broken()
            if fault == "rate_limit":
                raise rate_limited("Request rate limit exceeded.")
            form = await _form_of(request)
            made = await _answer(far_end, request, form)
        except StripeRefusal as refusal:
            made = api.refused(refusal)
        far_end.is_changed = far_end.is_changed or request.method != "GET"
        _record(far_end, request, form, made)
        return _hang_up(request) if fault == "lose_reply" else _encoded(far_end.world, request, made)

    return answer


async def _form_of(request: web.Request) -> Json:
    """The parameters: of the query for GET and DELETE, of the body for POST."""
    pairs = list(request.query.items())
    if request.method == "POST":
        if request.content_type not in ("application/x-www-form-urlencoded", "application/octet-stream"):
            raise invalid(f"Invalid content type {request.content_type!r}: send application/x-www-form-urlencoded.")
        pairs += [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]
    return form_decode(pairs)


async def _answer(far_end: FarEnd, request: web.Request, form: Json) -> api.Answer:
    key = request.headers.get("idempotency-key")
    if (request.method, request.path) != ("POST", METER_EVENTS):
        return api.answer(far_end.world, request.method, request.path, form, key)
    held = (text_of(form, "event_name"), text_of(part_of(form, "payload"), "stripe_customer_id"))
    if held in far_end.busy:
        raise rate_limited("Another event for this customer and meter is being recorded.", "lock_timeout")
    far_end.busy.add(held)
    try:
        await asyncio.sleep(METER_EVENT_SECONDS)
        return api.answer(far_end.world, request.method, request.path, form, key)
    finally:
        far_end.busy.discard(held)


def _record(far_end: FarEnd, request: web.Request, form: Json, made: api.Answer) -> None:
    far_end.exchanges.append(
        {
            "method": request.method,
            "url": request.path,
            "path": made.path,
            "form": form,
            "version": request.headers.get("stripe-version"),
            "key": request.headers.get("idempotency-key"),
            "status": made.status,
            "body": made.body,
        }
    )


def _encoded(world: World, request: web.Request, made: api.Answer) -> web.Response:
    headers = {"request-id": world.new_id("req"), "stripe-version": request.headers.get("stripe-version", "")}
    if key := request.headers.get("idempotency-key"):
        headers["idempotency-key"] = key
    if made.is_replayed:
        headers["idempotent-replayed"] = "true"
    if made.status in (400, 401, 402, 404):
        headers["stripe-should-retry"] = "false"
    return web.json_response(made.body, status=made.status, headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    """Closes the line in the middle: the client learns nothing."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
