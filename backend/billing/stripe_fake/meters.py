"""/v1/billing/meters and meter events v1, with the limits that make them hard to use right.

A value is a whole number; a timestamp lies at most 35 days back and 5 minutes ahead; an identifier is unique for
24 hours and forgotten after. Not here: one call at a time for a customer and meter (app.py: it needs two calls).
"""

import re

from backend.billing.stripe_fake.clock import DAY, HOUR
from backend.billing.stripe_fake.errors import Json, invalid
from backend.billing.stripe_fake.forms import integer_of, integer_required, part_of, text_of, text_required
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, page, retrieve
from backend.billing.stripe_fake.world import World

BACK_MAX = 35 * DAY
AHEAD_MAX = 300
IDENTIFIER_KEPT = DAY
IDENTIFIER_CHARS_MAX = 100
WINDOWS = {"": 0, "hour": HOUR, "day": DAY}
MINUTE = 60


def _meter_create(world: World, call: Call) -> Json:
    event_name = text_required(call.form, "event_name")
    if any(m["event_name"] == event_name and m["status"] == "active" for m in world.of_kind("billing.meter")):
        raise invalid(f"There is already an active meter for event name {event_name}.", param="event_name")
    mapping = part_of(call.form, "customer_mapping")
    values = part_of(call.form, "value_settings")
    meter = world.put(
        {
            "id": world.new_id("mtr_test"),
            "object": "billing.meter",
            "created": world.now(),
            "customer_mapping": {
                "event_payload_key": text_of(mapping, "event_payload_key", "stripe_customer_id"),
                "type": "by_id",
            },
            "default_aggregation": {"formula": text_required(part_of(call.form, "default_aggregation"), "formula")},
            "display_name": text_required(call.form, "display_name"),
            "event_name": event_name,
            "event_time_window": text_of(call.form, "event_time_window") or None,
            "livemode": False,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": world.now(),
            "value_settings": {"event_payload_key": text_of(values, "event_payload_key", "value")},
        }
    )
    world.event("billing.meter.created", meter)
    return meter


def meter_named(world: World, event_name: str) -> Json:
    for meter in world.of_kind("billing.meter"):
        if meter["event_name"] == event_name and meter["status"] == "active":
            return meter
    raise invalid(f"No active meter found for event name {event_name}.", param="event_name")


def _event_create(world: World, call: Call) -> Json:
    meter = meter_named(world, text_required(call.form, "event_name"))
    payload = part_of(call.form, "payload")
    customer_key = meter["customer_mapping"]["event_payload_key"]
    value_key = meter["value_settings"]["event_payload_key"]
    customer_id = text_required(payload, customer_key)
    world.get("customer", customer_id, param=f"payload[{customer_key}]")
    value = text_of(payload, value_key, "1" if meter["default_aggregation"]["formula"] == "count" else "")
    if not re.fullmatch(r"\d{1,15}", value):
        raise invalid(f"The value in the payload must be a whole number: {value!r}.", param=f"payload[{value_key}]")
    timestamp = _timestamp(world, call.form)
    identifier = _identifier(world, call.form)
    event = {
        "object": "billing.meter_event",
        "created": world.now(),
        "event_name": meter["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": {customer_key: customer_id, value_key: value},
        "timestamp": timestamp,
        "_customer": customer_id,
        "_meter": meter["id"],
        "_value": int(value),
    }
    world.objects.setdefault("billing.meter_event", {})[world.new_id("mev")] = event
    world.objects.setdefault("_meter_identifier", {})[identifier] = {"created": world.now()}
    return event


def _timestamp(world: World, form: Json) -> int:
    timestamp = integer_of(form, "timestamp", world.now()) or 0
    if timestamp < world.now() - BACK_MAX:
        message = "The timestamp is too far in the past: it must be within the past 35 calendar days."
        raise invalid(message, param="timestamp", code="timestamp_too_far_in_past")
    if timestamp > world.now() + AHEAD_MAX:
        message = "The timestamp is in the future: at most 5 minutes ahead are accepted."
        raise invalid(message, param="timestamp", code="timestamp_in_future")
    return timestamp


def _identifier(world: World, form: Json) -> str:
    identifier = text_of(form, "identifier") or world.new_id("id")
    if len(identifier) > IDENTIFIER_CHARS_MAX:
        raise invalid(f"Invalid string: identifier has over {IDENTIFIER_CHARS_MAX} characters.", param="identifier")
    seen = world.objects.get("_meter_identifier", {}).get(identifier)
    if seen is not None and seen["created"] > world.now() - IDENTIFIER_KEPT:
        raise invalid(f"An event already exists with identifier {identifier}.")  # as seen: without a code
    return identifier


def usage_between(world: World, meter: Json, customer_id: str, start: int, end: int) -> int:
    """What the meter makes of the customer's events with `start <= timestamp < end`."""
    events = [
        event
        for event in world.objects.get("billing.meter_event", {}).values()
        if event["_meter"] == meter["id"] and event["_customer"] == customer_id and start <= event["timestamp"] < end
    ]
    formula = meter["default_aggregation"]["formula"]
    if formula == "count":
        return len(events)
    if formula == "last":
        return int(max(events, key=lambda event: int(event["timestamp"]))["_value"]) if events else 0
    return sum(int(event["_value"]) for event in events)


def _summaries(world: World, call: Call) -> Json:
    meter = world.get("billing.meter", call.ids[0])
    customer_id = text_required(call.form, "customer")
    world.get("customer", customer_id, param="customer")
    start, end = integer_required(call.form, "start_time"), integer_required(call.form, "end_time")
    if start % MINUTE or end % MINUTE or start >= end:
        raise invalid(
            "start_time and end_time must align with minute boundaries, start before end.", param="start_time"
        )
    window = WINDOWS.get(text_of(call.form, "value_grouping_window"))
    if window is None:
        raise invalid("value_grouping_window must be hour or day.", param="value_grouping_window")
    if window and (start % window or end % window):
        raise invalid("start_time and end_time must align with the grouping window.", param="start_time")
    step = window or end - start
    rows = [_summary(world, meter, customer_id, at, at + step) for at in range(start, end, step)]
    shown = [row for row in reversed(rows) if row["aggregated_value"] or not window]
    return page(shown, {**call.form, "created": None}, f"/v1/billing/meters/{meter['id']}/event_summaries")


def _summary(world: World, meter: Json, customer_id: str, start: int, end: int) -> Json:
    return {
        "id": f"mtrusg_{meter['id'][-8:]}_{start}_{end}",
        "object": "billing.meter_event_summary",
        "aggregated_value": usage_between(world, meter, customer_id, start, end),
        "end_time": end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": start,
    }


ENDPOINTS = [
    Endpoint("POST", "/v1/billing/meters", _meter_create),
    Endpoint("GET", "/v1/billing/meters", listing("billing.meter", "/v1/billing/meters", "status")),
    Endpoint("GET", "/v1/billing/meters/{id}", retrieve("billing.meter")),
    Endpoint("GET", "/v1/billing/meters/{id}/event_summaries", _summaries),
    Endpoint("POST", "/v1/billing/meter_events", _event_create),
]
