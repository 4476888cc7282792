"""One request of Stripe's API from parameters to answer: key, route, endpoint, expand. No network here.

Anything a handler refuses is an answer in Stripe's error shape; anything else it raises is a bug and is not caught.
"""

from dataclasses import dataclass

from backend.billing.stripe_fake import (
    catalog,
    charges,
    checkout,
    customers,
    disputes,
    events,
    invoices,
    meters,
    payment_intents,
    payment_methods,
    portal,
    refunds,
    setup_intents,
    subscriptions,
)
from backend.billing.stripe_fake.errors import Json, StripeRefusal
from backend.billing.stripe_fake.idempotency import Saved, answer_save, saved_answer
from backend.billing.stripe_fake.routing import Call, Endpoint, expanded
from backend.billing.stripe_fake.world import World

_PARTS = (
    catalog,
    charges,
    checkout,
    customers,
    disputes,
    events,
    invoices,
    meters,
    payment_intents,
    payment_methods,
    portal,
    refunds,
    setup_intents,
    subscriptions,
)
ENDPOINTS: list[Endpoint] = [endpoint for part in _PARTS for endpoint in part.ENDPOINTS]
_PATTERNS = [(endpoint, endpoint.pattern) for endpoint in ENDPOINTS]


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json
    path: str = ""  # as the schema spells it; empty when there is no such endpoint
    is_replayed: bool = False


def refused(refusal: StripeRefusal, path: str = "") -> Answer:
    return Answer(refusal.status, {"error": refusal.error}, path)


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """Raises StripeRefusal (404) for an unknown URL."""
    for endpoint, pattern in _PATTERNS:
        if endpoint.method == method and (found := pattern.match(path)) is not None:
            return endpoint, found.groups()
    message = f"Unrecognized request URL ({method}: {path}). This far end has no such endpoint."
    raise StripeRefusal(404, "invalid_request_error", message)


def answer(world: World, method: str, path: str, form: Json, key: str | None) -> Answer:
    """`key`: the Idempotency-Key; it counts for POST alone."""
    endpoint = None
    try:
        endpoint, ids = route(method, path)
        if key is None or method != "POST":
            return Answer(200, expanded(world, endpoint.handle(world, Call(form, ids)), form), endpoint.path)
        return _answer_once(world, endpoint, Call(form, ids), path, key)
    except StripeRefusal as refusal:
        return refused(refusal, endpoint.path if endpoint is not None else "")


def _answer_once(world: World, endpoint: Endpoint, call: Call, path: str, key: str) -> Answer:
    saved = saved_answer(world, key, endpoint.method, path, call.form)
    if saved is not None:
        return Answer(saved.status, saved.body, endpoint.path, is_replayed=True)
    world.request_key = key
    try:
        made = Saved(200, expanded(world, endpoint.handle(world, call), call.form))
    except StripeRefusal as refusal:
        if not refusal.is_saved:
            raise
        made = Saved(refusal.status, {"error": refusal.error})
    finally:
        world.request_key = None
    answer_save(world, key, endpoint.method, path, call.form, made)
    return Answer(made.status, made.body, endpoint.path)
