"""/v1/subscriptions on metered prices: a month at a time, each period ending in an invoice (invoices.py).

Only metered prices: a flat fee in advance is not what this far end is for, and is refused by name.
"""

import calendar
import datetime as dt

from backend.billing.stripe_fake import invoices
from backend.billing.stripe_fake.errors import Json, invalid, missing_parameter
from backend.billing.stripe_fake.forms import flag_of, list_of, metadata_merged, text_of, text_required
from backend.billing.stripe_fake.payment_methods import method_named
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, retrieve
from backend.billing.stripe_fake.world import World, public

PERIODS_AT_ONCE_MAX = 120  # ten years in one step of the clock; more is a mistake
NULLS = (
    "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at canceled_at "
    "days_until_due default_payment_method default_source description ended_at latest_invoice "
    "next_pending_invoice_item_invoice on_behalf_of pause_collection pending_invoice_item_interval "
    "pending_setup_intent pending_update schedule test_clock transfer_data trial_end trial_start"
).split()


def month_after(moment: int, anchor: int) -> int:
    """A month later, on the anchor's day, or the month's last where it is shorter."""
    at, day = dt.datetime.fromtimestamp(moment, dt.UTC), dt.datetime.fromtimestamp(anchor, dt.UTC).day
    year, month = at.year + at.month // 12, at.month % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return int(at.replace(year=year, month=month, day=min(day, last)).timestamp())


def subscription_make(world: World, form: Json) -> Json:
    """Raises StripeRefusal: no such customer or price, or a price that is not metered by the month."""
    customer_id = text_required(form, "customer")
    world.get("customer", customer_id, param="customer")
    if not (wanted := list_of(form, "items")):
        raise missing_parameter("items")
    if method_name := text_of(form, "default_payment_method"):
        method_named(world, method_name)  # refused before anything is made
    subscription_id, now = world.new_id("sub"), world.now()
    items = [_item(world, text_required(item, "price"), subscription_id) for item in wanted]
    subscription = world.put(
        {
            **dict.fromkeys(NULLS),
            "id": subscription_id,
            "object": "subscription",
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": now,
            "billing_mode": {"flexible": None, "type": "classic"},
            "billing_schedules": [],
            "cancel_at_period_end": False,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "created": now,
            "currency": "usd",
            "customer": customer_id,
            "default_tax_rates": [],
            "discounts": [],
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": {
                "object": "list",
                "data": items,
                "has_more": False,
                "url": f"/v1/subscription_items?subscription={subscription_id}",
            },
            "livemode": False,
            "metadata": {},
            "payment_settings": {
                "payment_method_options": None,
                "payment_method_types": None,
                "save_default_payment_method": "off",
            },
            "start_date": now,
            "status": "active",
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        }
    )
    _fill(world, subscription, form)
    world.event("customer.subscription.created", subscription)
    return subscription


def _item(world: World, price_id: str, subscription_id: str) -> Json:
    price = world.get("price", price_id, param="items[0][price]")
    recurring = price["recurring"] or {}
    if recurring.get("usage_type") != "metered" or (recurring["interval"], recurring["interval_count"]) != ("month", 1):
        raise invalid("Only prices metered by the month are offered here.", param="items[0][price]")
    now = world.now()
    return {
        "id": world.new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": month_after(now, now),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "price": public(price),
        "subscription": subscription_id,
        "tax_rates": [],
    }


def _fill(world: World, subscription: Json, form: Json) -> None:
    if "default_payment_method" in form:
        name = text_of(form, "default_payment_method")
        subscription["default_payment_method"] = method_named(world, name)["id"] if name else None
    if "cancel_at_period_end" in form:
        subscription["cancel_at_period_end"] = flag_of(form, "cancel_at_period_end")
    if "description" in form:
        subscription["description"] = text_of(form, "description") or None
    subscription["metadata"] = metadata_merged(subscription["metadata"], form)


def advance(world: World) -> None:
    """Closes every period that is over by now."""
    for subscription in reversed(list(world.of_kind("subscription"))):
        for _ in range(PERIODS_AT_ONCE_MAX):
            items = subscription["items"]["data"]
            start, end = items[0]["current_period_start"], items[0]["current_period_end"]
            if subscription["status"] == "canceled" or end > world.now():
                break
            invoices.period_close(world, subscription, start=start, end=end)
            if subscription["cancel_at_period_end"]:
                _end(world, subscription)
                break
            for item in items:
                item["current_period_start"] = end
                item["current_period_end"] = month_after(end, subscription["billing_cycle_anchor"])
            world.event("customer.subscription.updated", subscription)


def _end(world: World, subscription: Json) -> None:
    subscription |= {"status": "canceled", "canceled_at": world.now(), "ended_at": world.now()}
    world.event("customer.subscription.deleted", subscription)


def _create(world: World, call: Call) -> Json:
    return subscription_make(world, call.form)


def _update(world: World, call: Call) -> Json:
    subscription = world.get("subscription", call.ids[0])
    _fill(world, subscription, call.form)
    world.event("customer.subscription.updated", subscription)
    return subscription


def _cancel(world: World, call: Call) -> Json:
    subscription = world.get("subscription", call.ids[0])
    if subscription["status"] == "canceled":
        raise invalid("This subscription is already canceled.")
    if flag_of(call.form, "invoice_now"):
        start = subscription["items"]["data"][0]["current_period_start"]
        last = invoices.period_close(world, subscription, start=start, end=world.now() + 1)
        invoices.finalize(world, last)
    _end(world, subscription)
    return subscription


ENDPOINTS = [
    Endpoint("POST", "/v1/subscriptions", _create),
    Endpoint("GET", "/v1/subscriptions", listing("subscription", "/v1/subscriptions", "customer", "status")),
    Endpoint("GET", "/v1/subscriptions/{subscription_exposed_id}", retrieve("subscription")),
    Endpoint("POST", "/v1/subscriptions/{subscription_exposed_id}", _update),
    Endpoint("DELETE", "/v1/subscriptions/{subscription_exposed_id}", _cancel),
]
