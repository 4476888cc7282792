"""/v1/checkout/sessions: a page on which somebody pays, keeps a card, or begins a subscription.

Here: what a session is and how it ends. The page itself is checkout_page.py.
"""

from typing import Any

from backend.billing.stripe_fake import invoices, setup_intents, subscriptions
from backend.billing.stripe_fake.catalog import price_make, product_make
from backend.billing.stripe_fake.clock import DAY
from backend.billing.stripe_fake.customers import create as customer_create
from backend.billing.stripe_fake.errors import Json, invalid, missing_parameter
from backend.billing.stripe_fake.forms import (
    flag_of,
    integer_of,
    list_of,
    metadata_merged,
    part_of,
    text_of,
    text_required,
)
from backend.billing.stripe_fake.payment_intents import confirm, intent_make
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, page
from backend.billing.stripe_fake.world import World, public

MODES = ("payment", "setup", "subscription")
EXPIRES_AFTER_MAX = DAY
EXPIRES_AFTER_MIN = 1_800
LINE_ITEMS_MAX = 100


def _create(world: World, call: Call) -> Json:
    form = call.form
    mode = text_required(form, "mode")
    if mode not in MODES:
        raise invalid(f"Invalid mode: must be one of {', '.join(MODES)}", param="mode")
    if not (success_url := text_of(form, "success_url")):
        raise missing_parameter("success_url")
    expires_at = integer_of(form, "expires_at", world.now() + EXPIRES_AFTER_MAX) or 0
    if not EXPIRES_AFTER_MIN <= expires_at - world.now() <= EXPIRES_AFTER_MAX:
        raise invalid("The `expires_at` timestamp must be 30 minutes to 24 hours from now.", param="expires_at")
    customer_id = text_of(form, "customer") or None
    if customer_id is not None:
        world.get("customer", customer_id, param="customer")
    items = [_item(world, item, place) for place, item in enumerate(list_of(form, "line_items"))]
    if bool(items) == (mode == "setup") or len(items) > LINE_ITEMS_MAX:
        raise missing_parameter("line_items") if mode != "setup" else invalid("No line_items in setup mode.")
    session = world.put(_blank(world, mode, items, form))
    session |= {"success_url": success_url, "expires_at": expires_at, "customer": customer_id}
    session["url"] = f"{world.base_url}/checkout/c/{session['id']}"
    return _included(session, form)


def _item(world: World, form: Json, place: int) -> Json:
    data = part_of(form, "price_data")
    if data:
        product_id = text_of(data, "product") or product_make(world, part_of(data, "product_data"))["id"]
        price = price_make(world, data, product_id)
    else:
        price = world.get("price", text_required(form, "price"), param=f"line_items[{place}][price]")
    is_metered = price["recurring"] is not None and price["recurring"]["usage_type"] == "metered"
    quantity = None if is_metered else integer_of(form, "quantity") or 0
    if quantity == 0:
        raise invalid("Quantity is required.", param=f"line_items[{place}][quantity]")
    amount = 0 if is_metered else int(price["unit_amount"] or 0) * int(quantity or 0)
    return {
        "id": world.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.get("product", price["product"])["name"],
        "price": public(price),
        "quantity": quantity,
    }


def _blank(world: World, mode: str, items: list[Json], form: Json) -> Json:
    subtotal = sum(item["amount_subtotal"] for item in items)
    is_taxed = flag_of(part_of(form, "automatic_tax"), "enabled")
    tax = subtotal * world.tax_percent // 100 if is_taxed else 0
    totals = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax}
    wants_invoice = flag_of(part_of(form, "invoice_creation"), "enabled")
    return {
        **dict.fromkeys(NULLS),
        "id": world.new_id("cs_test"),
        "object": "checkout.session",
        "amount_subtotal": subtotal if items else None,
        "amount_total": subtotal + tax if items else None,
        "automatic_tax": {
            "enabled": is_taxed,
            "liability": {"type": "self"} if is_taxed else None,
            "provider": "stripe" if is_taxed else None,
            "status": "complete" if is_taxed else None,
        },
        "cancel_url": text_of(form, "cancel_url") or None,
        "client_reference_id": text_of(form, "client_reference_id") or None,
        "created": world.now(),
        "currency": items[0]["currency"] if items else text_of(form, "currency") or None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": text_of(form, "customer_creation") or None,
        "customer_email": text_of(form, "customer_email") or None,
        "invoice_creation": _invoice_creation(wants_invoice) if mode == "payment" else None,
        "livemode": False,
        "metadata": metadata_merged({}, form),
        "mode": mode,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": totals if items else None,
        "ui_mode": "hosted_page",
        "_line_items": items,
        "_intent_data": part_of(form, "payment_intent_data"),
        "_setup_data": part_of(form, "setup_intent_data"),
        "_subscription_data": part_of(form, "subscription_data"),
    }


NULLS = (
    "after_expiration allow_promotion_codes billing_address_collection client_secret consent consent_collection "
    "currency_conversion customer_details invoice locale payment_intent payment_link recovered_from "
    "saved_payment_method_options setup_intent shipping_address_collection shipping_cost submit_type subscription "
    "payment_method_configuration_details"
).split()


def _invoice_creation(is_enabled: bool) -> Json:
    names = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    return {"enabled": is_enabled, "invoice_data": {**dict.fromkeys(names), "metadata": {}}}


def pay(world: World, session: Json, method: Json) -> str | None:
    """Tries the card. Gives back where to send the browser for authentication, or None when all is done.

    Raises:
        StripeRefusal: the session is not open, or the bank refused (402).
    """
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    _customer_ensure(world, session)
    back = f"{world.base_url}/checkout/c/{session['id']}"
    if session["mode"] == "payment":
        intent = _intent_of(world, session)
        intent["payment_method"] = method["id"]
        confirm(world, intent, is_off_session=False, return_url=back)
    else:
        metadata = metadata_merged({}, session["_setup_data"])
        intent = setup_intents.setup_make(world, customer_id=session["customer"], metadata=metadata)
        session["_setup"] = intent["id"]
        setup_intents.setup_confirm(world, intent, method, return_url=back)
    if intent["status"] == "requires_action":
        return str(intent["next_action"]["redirect_to_url"]["url"])
    complete(world, session, method)
    return None


def _customer_ensure(world: World, session: Json) -> None:
    needs_one = session["mode"] != "payment" or session["customer_creation"] == "always"
    if session["customer"] is None and needs_one:
        session["customer"] = customer_create(world, Call({"email": session["customer_email"] or ""}))["id"]


def _intent_of(world: World, session: Json) -> Json:
    if session["payment_intent"]:
        return world.get("payment_intent", session["payment_intent"])
    data = session["_intent_data"]
    intent = intent_make(
        world, amount=session["amount_total"], currency=session["currency"], customer_id=session["customer"]
    )
    intent["metadata"] = metadata_merged({}, data)
    for name in ("description", "receipt_email", "setup_future_usage"):
        intent[name] = text_of(data, name) or None
    session["payment_intent"] = intent["id"]
    world.event("payment_intent.created", intent)
    return intent


def session_of(world: World, intent: Json) -> Json | None:
    """The open session that waits for this PaymentIntent or SetupIntent."""
    for session in world.of_kind("checkout.session"):
        if intent["id"] in (session["payment_intent"], session.get("_setup")) and session["status"] == "open":
            return session
    return None


def complete(world: World, session: Json, method: Json) -> None:
    """Everything that follows a payment or a kept card."""
    customer = world.find("customer", session["customer"] or "")
    email = session["customer_email"] or (customer["email"] if customer else None)
    details: dict[str, Any] = dict.fromkeys(("address", "name", "phone"))
    session |= {"status": "complete", "url": None}
    session["customer_details"] = {**details, "email": email, "tax_exempt": "none", "tax_ids": []}
    if session["mode"] == "payment":
        session["payment_status"] = "paid"
        if session["invoice_creation"]["enabled"] and session["customer"]:
            session["invoice"] = invoices.invoice_of_checkout(world, session)["id"]
    elif session["mode"] == "setup":
        session["setup_intent"] = session["_setup"]
    else:
        session["payment_status"] = "paid"
        items = [{"price": item["price"]["id"]} for item in session["_line_items"]]
        metadata = metadata_merged({}, session["_subscription_data"])
        wanted = {"customer": session["customer"], "items": items, "metadata": metadata}
        wanted["default_payment_method"] = method["id"]
        session["subscription"] = subscriptions.subscription_make(world, wanted)["id"]
    world.event("checkout.session.completed", session)


def expire(world: World, session: Json) -> None:
    session |= {"status": "expired", "url": None}
    world.event("checkout.session.expired", session)


def expire_due(world: World) -> None:
    for session in list(world.of_kind("checkout.session")):
        if session["status"] == "open" and session["expires_at"] <= world.now():
            expire(world, session)


def _included(session: Json, form: Json) -> Json:
    if "line_items" not in list_of(form, "expand"):
        return session
    return {
        **session,
        "line_items": page(session["_line_items"], {}, f"/v1/checkout/sessions/{session['id']}/line_items"),
    }


def _retrieve(world: World, call: Call) -> Json:
    return _included(world.get("checkout.session", call.ids[0]), call.form)


def _expire(world: World, call: Call) -> Json:
    session = world.get("checkout.session", call.ids[0])
    if session["status"] != "open":
        raise invalid(f'Only Checkout Sessions with a status in ["open"] can be expired; it is {session["status"]}.')
    expire(world, session)
    return session


def _line_items(world: World, call: Call) -> Json:
    session = world.get("checkout.session", call.ids[0])
    return page(session["_line_items"], call.form, f"/v1/checkout/sessions/{session['id']}/line_items")


ENDPOINTS = [
    Endpoint("POST", "/v1/checkout/sessions", _create),
    Endpoint(
        "GET",
        "/v1/checkout/sessions",
        listing("checkout.session", "/v1/checkout/sessions", "customer", "payment_intent", "subscription", "status"),
    ),
    Endpoint("GET", "/v1/checkout/sessions/{session}", _retrieve),
    Endpoint("GET", "/v1/checkout/sessions/{session}/line_items", _line_items),
    Endpoint("POST", "/v1/checkout/sessions/{session}/expire", _expire),
]
