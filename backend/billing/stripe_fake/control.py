"""/_control: what a test does to the far end that no customer of Stripe can. JSON, with the secret key.

The clock goes forward, webhooks are held, repeated, reordered, dropped or forged, requests fail, a bank disputes;
and what was asked and answered is read back, for the contract tests.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from backend.billing.stripe_fake import checkout, disputes
from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.far_end import FarEnd
from backend.billing.stripe_fake.faults import Fault
from backend.billing.stripe_fake.payment_methods import method_make
from backend.billing.stripe_fake.webhooks import MODES
from backend.billing.stripe_fake.world import public

Control = Callable[[FarEnd, web.Request, Json], Awaitable[Any]]


async def _clock(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    far_end.world.clock.advance(int(given["advance_seconds"]))
    far_end.tick()
    return {"now": far_end.world.now()}


async def _exchanges(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    return list(far_end.exchanges)


async def _exchanges_clear(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    far_end.exchanges.clear()
    return {}


async def _objects(far_end: FarEnd, request: web.Request, given: Json) -> Any:
    return [public(row) for row in far_end.world.objects.get(request.match_info["kind"], {}).values()]


async def _webhooks(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    return far_end.webhooks.listed()


async def _webhooks_set(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    """{"mode"?, "delay_seconds"?, "url"?}"""
    webhooks = far_end.webhooks
    webhooks.collect()  # what happened before keeps the mode of before
    mode = given.get("mode", webhooks.mode)
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}: one of {', '.join(MODES)}")
    webhooks.mode = mode
    webhooks.delay_seconds = given.get("delay_seconds", webhooks.delay_seconds)
    webhooks.url = given.get("url", webhooks.url)
    return {"mode": webhooks.mode, "delay_seconds": webhooks.delay_seconds, "url": webhooks.url}


async def _webhooks_send(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    """{"ids", "secret"?, "signed_at"?}: sends these now, in this order, as often as they are named."""
    far_end.webhooks.collect()
    forged = {name: given[name] for name in ("secret", "signed_at") if name in given}
    return {"statuses": [await far_end.webhooks.send(event_id, **forged) for event_id in given["ids"]]}


async def _webhooks_release(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    """{"ids"}: held or dropped ones go their way, in this order."""
    far_end.webhooks.release(given["ids"])
    return {}


async def _faults_add(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    """{"mode", "count"?, "path"?}"""
    fault = Fault(given["mode"], given.get("count"), given.get("path", "/v1/"))
    far_end.faults.faults.append(fault)
    return {}


async def _faults_clear(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    far_end.faults.faults.clear()
    return {}


async def _dispute(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    """{"payment_intent", "reason"?}: the customer's bank takes the payment back."""
    world = far_end.world
    intent = world.get("payment_intent", given["payment_intent"])
    charge = world.get("charge", intent["latest_charge"])
    return public(disputes.dispute_open(world, charge, reason=given.get("reason", "fraudulent")))


async def _dispute_end(far_end: FarEnd, request: web.Request, given: Json) -> Any:
    """{"is_won"}"""
    dispute = far_end.world.get("dispute", request.match_info["dispute"])
    disputes.dispute_end(far_end.world, dispute, is_won=given["is_won"])
    return public(dispute)


async def _pay(far_end: FarEnd, request: web.Request, given: Json) -> Any:
    """{"number"}: pays an open Checkout session without a browser; gives back where 3D Secure asks, or null."""
    session = far_end.world.get("checkout.session", request.match_info["session"])
    return {"ask": checkout.pay(far_end.world, session, method_make(far_end.world, given["number"]))}


async def _tax(far_end: FarEnd, _request: web.Request, given: Json) -> Any:
    far_end.world.tax_percent = int(given["percent"])
    return {}


ROUTES: list[tuple[str, str, Control]] = [
    ("POST", "/_control/clock", _clock),
    ("GET", "/_control/exchanges", _exchanges),
    ("DELETE", "/_control/exchanges", _exchanges_clear),
    ("GET", "/_control/objects/{kind}", _objects),
    ("GET", "/_control/webhooks", _webhooks),
    ("POST", "/_control/webhooks", _webhooks_set),
    ("POST", "/_control/webhooks/send", _webhooks_send),
    ("POST", "/_control/webhooks/release", _webhooks_release),
    ("POST", "/_control/faults", _faults_add),
    ("DELETE", "/_control/faults", _faults_clear),
    ("POST", "/_control/disputes", _dispute),
    ("POST", "/_control/disputes/{dispute}", _dispute_end),
    ("POST", "/_control/checkout/{session}/pay", _pay),
    ("POST", "/_control/tax", _tax),
]
