"""Everything the far end knows: objects by kind and id, events, the clock; saved as one JSON file.

Objects are Stripe's JSON plus private fields (`_name`), which never leave. All handlers are plain functions over
a World on one thread, so each request is a transaction. Not here: what any endpoint does.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.billing.stripe_fake.clock import DAY, Clock
from backend.billing.stripe_fake.errors import Json, no_such

API_VERSION = "2026-05-27.dahlia"  # of the published schema that the contract tests hold
EVENTS_KEPT_DAYS = 30  # as Stripe's list of events
UNDELIVERED = ("waiting", "held")
METER_EVENTS_KEPT_DAYS = 70  # a month's invoice and the 35 days in which usage may come late


@dataclass
class World:
    """`outbox`: ids of events nobody has taken for delivery yet."""

    base_url: str
    clock: Clock = field(default_factory=Clock)
    objects: dict[str, dict[str, Json]] = field(default_factory=dict)
    outbox: list[str] = field(default_factory=list)
    idempotency: dict[str, Json] = field(default_factory=dict)
    deliveries: dict[str, Json] = field(default_factory=dict)
    tax_percent: int = 0  # what automatic tax adds; Stripe would look at the address
    request_key: str | None = None  # the Idempotency-Key of the request in hand, for its events

    def now(self) -> int:
        return self.clock.now()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def put(self, obj: Json) -> Json:
        self.objects.setdefault(obj["object"], {})[obj["id"]] = obj
        return obj

    def find(self, kind: str, object_id: str) -> Json | None:
        return self.objects.get(kind, {}).get(object_id)

    def get(self, kind: str, object_id: Any, *, param: str = "id") -> Json:
        """Raises StripeRefusal (404) when there is none."""
        found = self.find(kind, str(object_id))
        if found is None:
            raise no_such(kind, str(object_id), param=param)
        return found

    def of_kind(self, kind: str) -> Iterator[Json]:
        """The newest first."""
        return reversed(list(self.objects.get(kind, {}).values()))

    def find_any(self, object_id: str) -> Json | None:
        return next((kind[object_id] for kind in self.objects.values() if object_id in kind), None)

    def event(self, kind: str, obj: Json) -> None:
        """Records what happened with the object as it is now, and queues it for delivery."""
        event: Json = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": {"object": json.loads(json.dumps(public(obj)))},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.new_id("req"), "idempotency_key": self.request_key},
            "type": kind,
        }
        self.put(event)
        self.outbox.append(event["id"])

    def prune(self) -> None:
        """Forgets what Stripe forgets, so that a long-lived demo stays small; an event on its way stays."""
        on_the_way = {*self.outbox, *(key for key, row in self.deliveries.items() if row["state"] in UNDELIVERED)}
        oldest = {"event": EVENTS_KEPT_DAYS, "billing.meter_event": METER_EVENTS_KEPT_DAYS, "_meter_identifier": 1}
        for kind, days in oldest.items():
            rows = self.objects.get(kind, {})
            old = [key for key, row in rows.items() if row["created"] < self.now() - days * DAY]
            for object_id in set(old) - on_the_way:
                del rows[object_id]
                self.deliveries.pop(object_id, None)

    def save(self, path: Path) -> None:
        names = ("objects", "outbox", "idempotency", "deliveries", "tax_percent")
        state = {"offset_seconds": self.clock.offset_seconds, **{name: getattr(self, name) for name in names}}
        making = path.with_name(path.name + ".making")
        with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(state, file)
        os.replace(making, path)


def world_load(base_url: str, path: Path | None) -> World:
    """What `save` wrote, or an empty world."""
    if path is None or not path.exists():
        return World(base_url)
    state = json.loads(path.read_text())
    return World(base_url, Clock(state.pop("offset_seconds")), **state)


def public(value: Any) -> Any:
    """The object without what only the far end knows."""
    if isinstance(value, dict):
        return {key: public(inner) for key, inner in value.items() if not key.startswith("_")}
    if isinstance(value, list):
        return [public(inner) for inner in value]
    return value
