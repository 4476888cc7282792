"""/v1/events: what happened, the newest first, for 30 days."""

from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.forms import list_of, text_of
from backend.billing.stripe_fake.routing import Call, Endpoint, page, retrieve
from backend.billing.stripe_fake.world import World


def _list(world: World, call: Call) -> Json:
    kinds = [*list_of(call.form, "types"), *filter(None, [text_of(call.form, "type")])]
    rows = (event for event in world.of_kind("event") if not kinds or any(_matches(event, kind) for kind in kinds))
    return page(rows, call.form, "/v1/events")


def _matches(event: Json, kind: str) -> bool:
    if kind.endswith("*"):
        return str(event["type"]).startswith(kind[:-1])
    return bool(event["type"] == kind)


ENDPOINTS = [
    Endpoint("GET", "/v1/events", _list),
    Endpoint("GET", "/v1/events/{id}", retrieve("event")),
]
