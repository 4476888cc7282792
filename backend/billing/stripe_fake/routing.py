"""An endpoint: a method, a path as the published schema spells it, and a function over the World.

Also what all endpoints share: lists with cursors and filters, and `expand`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backend.billing.stripe_fake.errors import Json, StripeRefusal, invalid
from backend.billing.stripe_fake.forms import integer_of, list_of
from backend.billing.stripe_fake.world import World, public

PAGE_DEFAULT = 10
PAGE_MAX = 100
EXPAND_DEPTH_MAX = 4


@dataclass(frozen=True)
class Call:
    """One request: its decoded parameters and what the path's braces hold, in order."""

    form: Json
    ids: tuple[str, ...] = ()


Handler = Callable[[World, Call], Json]


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    handle: Handler

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("^" + re.sub(r"\{[^}]+\}", "([^/]+)", self.path) + "$")


def retrieve(kind: str) -> Handler:
    def handle(world: World, call: Call) -> Json:
        return world.get(kind, call.ids[0])

    return handle


def listing(kind: str, path: str, *filters: str) -> Handler:
    """A list of one kind, the newest first, narrowed by equal fields and by `created`."""

    def handle(world: World, call: Call) -> Json:
        wanted = {name: call.form[name] for name in filters if name in call.form}
        rows = (row for row in world.of_kind(kind) if all(row.get(name) == value for name, value in wanted.items()))
        return page(rows, call.form, path)

    return handle


def page(rows: Iterable[Json], form: Json, path: str) -> Json:
    """Raises StripeRefusal for a limit outside 1 to 100 or a cursor that is not on the list."""
    limit = integer_of(form, "limit", PAGE_DEFAULT) or 0
    if not 1 <= limit <= PAGE_MAX:
        raise invalid(f"Invalid integer: limit must be 1 to {PAGE_MAX}", param="limit")
    found = [row for row in rows if _is_in_span(row, form.get("created"))]
    if after := form.get("starting_after"):
        found = found[_place_of(found, after, "starting_after") + 1 :]
    if before := form.get("ending_before"):
        found = found[: _place_of(found, before, "ending_before")][-limit:]
    return {"object": "list", "url": path, "has_more": len(found) > limit, "data": found[:limit]}


def _place_of(rows: list[Json], object_id: str, param: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == object_id:
            return place
    raise StripeRefusal(400, "invalid_request_error", f"No such object: '{object_id}'", param=param)


def _is_in_span(row: Json, span: Any) -> bool:
    created = row.get("created", 0)
    if span is None:
        return True
    if isinstance(span, str):
        return bool(created == int(span))
    checks = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(checks[name](int(value)) for name, value in span.items())


def expanded(world: World, obj: Json, form: Json) -> Json:
    """The public object with each `expand[]` path's id replaced by the object. Raises StripeRefusal."""
    made: Json = public(obj)
    for path in list_of(form, "expand"):
        keys = str(path).split(".")
        if len(keys) > EXPAND_DEPTH_MAX:
            raise invalid(f"You cannot expand more than {EXPAND_DEPTH_MAX} levels of a property.", param="expand")
        _expand(world, made, keys)
    return made


def _expand(world: World, at: Any, keys: list[str]) -> None:
    if isinstance(at, list):
        for item in at:
            _expand(world, item, keys)
        return
    if not isinstance(at, dict) or at.get(keys[0]) is None:
        return
    value = at[keys[0]]
    if isinstance(value, str) and (found := world.find_any(value)) is not None:
        at[keys[0]] = public(found)
    if len(keys) > 1:
        _expand(world, at[keys[0]], keys[1:])
