"""/v1/payment_intents: one wish to be paid, through decline, authentication and success.

Automatic capture only. `authenticate` is what the bank's page (challenge_page.py) calls.
"""

from backend.billing.stripe_fake import disputes
from backend.billing.stripe_fake.cards import AUTHENTICATION_REQUIRED, Authentication, Decline
from backend.billing.stripe_fake.charges import charge_make
from backend.billing.stripe_fake.errors import Json, StripeRefusal, invalid
from backend.billing.stripe_fake.forms import (
    flag_of,
    integer_of,
    integer_required,
    metadata_merged,
    part_of,
    text_of,
    text_required,
)
from backend.billing.stripe_fake.payment_methods import attach, card_error, card_of, method_named
from backend.billing.stripe_fake.routing import Call, Endpoint, expanded, listing, retrieve
from backend.billing.stripe_fake.world import World

AMOUNT_CENTS_MIN = 50  # Stripe's least charge in US dollars
AMOUNT_CENTS_MAX = 99_999_999
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    "authentication_failed",
    "The provided PaymentMethod has failed authentication. Provide another one and try again.",
)


def intent_make(world: World, *, amount: int, currency: str, customer_id: str | None) -> Json:
    """An intent without a payment method. Raises StripeRefusal for an amount outside Stripe's bounds."""
    if amount < AMOUNT_CENTS_MIN:
        raise invalid("Amount must be at least $0.50 usd", param="amount", code="amount_too_small")
    if amount > AMOUNT_CENTS_MAX:
        raise invalid("Amount must be no more than $999,999.99", param="amount", code="amount_too_large")
    if customer_id is not None:
        world.get("customer", customer_id, param="customer")
    intent_id = world.new_id("pi")
    return world.put(
        {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": f"{intent_id}_secret_{world.new_id('s')[2:]}",
            "confirmation_method": "automatic",
            "created": world.now(),
            "currency": currency,
            "customer": customer_id,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def confirm(world: World, intent: Json, *, is_off_session: bool, return_url: str = "") -> None:
    """Charges the intent's card, asks for authentication, or raises the bank's refusal (402)."""
    if intent["status"] not in CONFIRMABLE:
        message = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    if intent["payment_method"] is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = world.get("payment_method", intent["payment_method"], param="payment_method")
    intent["next_action"] = None
    if not _must_authenticate(method, is_off_session=is_off_session):
        settle(world, intent, method)
    elif is_off_session:
        raise _failed(world, intent, method, AUTHENTICATION_REQUIRED)
    else:
        intent["status"] = "requires_action"
        intent["next_action"] = _ask(world, intent, return_url)
        world.event("payment_intent.requires_action", intent)


def _must_authenticate(method: Json, *, is_off_session: bool) -> bool:
    asks = card_of(method).authentication
    is_excused = asks is Authentication.UNLESS_SAVED and is_off_session and method["_is_set_up"]
    return asks is not Authentication.NEVER and not is_excused


def _ask(world: World, intent: Json, return_url: str) -> Json:
    url = f"{world.base_url}/3ds/{intent['id']}"
    intent["_return_url"] = return_url
    if return_url:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def settle(world: World, intent: Json, method: Json) -> None:
    """The charge itself. Raises the bank's refusal (402)."""
    card = card_of(method)
    decline = card.at_save or card.at_charge
    if decline is not None:
        raise _failed(world, intent, method, decline)
    charge = charge_make(world, intent, method, None)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "last_payment_error": None,
        "next_action": None,
    }
    if intent["setup_future_usage"] and intent["customer"]:
        attach(world, method, intent["customer"])
        method["_is_set_up"] = True
    world.event("payment_intent.succeeded", intent)
    if card.is_disputed:
        disputes.dispute_open(world, charge, reason="fraudulent")


def _failed(world: World, intent: Json, method: Json, decline: Decline) -> StripeRefusal:
    charge = charge_make(world, intent, method, decline)
    refusal = card_error(decline, charge=charge["id"])
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": {**refusal.error, "payment_method": expanded(world, method, {})},
    }
    world.event("payment_intent.payment_failed", intent)
    refusal.error |= {"payment_intent": expanded(world, intent, {}), "payment_method": expanded(world, method, {})}
    return refusal


def authenticate(world: World, intent: Json, *, is_passed: bool) -> bool:
    """The answer of the bank's page; whether the intent is paid now."""
    if intent["status"] != "requires_action":
        return bool(intent["status"] == "succeeded")
    method = world.get("payment_method", intent["payment_method"])
    if not is_passed:
        _failed(world, intent, method, AUTHENTICATION_FAILED)
        return False
    try:
        settle(world, intent, method)
    except StripeRefusal:
        return False
    return True


def _create(world: World, call: Call) -> Json:
    form = call.form
    intent = intent_make(
        world,
        amount=integer_required(form, "amount"),
        currency=text_required(form, "currency").lower(),
        customer_id=text_of(form, "customer") or None,
    )
    try:
        _fill(world, intent, form)
        world.event("payment_intent.created", intent)
        if flag_of(form, "confirm"):
            _confirm_form(world, intent, form)
    except StripeRefusal as refusal:
        if refusal.status != 402:  # nothing has happened: an intent that was never answered does not exist
            del world.objects["payment_intent"][intent["id"]]
        raise
    return intent


def _fill(world: World, intent: Json, form: Json) -> None:
    for name in ("description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix"):
        if name in form:
            intent[name] = text_of(form, name) or None
    if (amount := integer_of(form, "amount")) is not None:
        intent["amount"] = amount
    if part_of(form, "automatic_payment_methods"):
        intent["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": True}
    if "payment_method" in form:
        method = method_named(world, text_of(form, "payment_method"))
        if method["customer"] not in (None, intent["customer"]):
            raise invalid("The payment method belongs to another customer.", param="payment_method")
        if method.get("_is_detached"):
            raise invalid("The provided PaymentMethod was previously detached and may not be used again.")
        intent["payment_method"] = method["id"]
        if intent["status"] == "requires_payment_method":
            intent["status"] = "requires_confirmation"
    intent["metadata"] = metadata_merged(intent["metadata"], form)


def _confirm_form(world: World, intent: Json, form: Json) -> None:
    is_off_session = text_of(form, "off_session", "false") not in ("false", "")
    if flag_of(form, "error_on_requires_action") and intent["payment_method"]:
        method = world.get("payment_method", intent["payment_method"])
        is_off_session = is_off_session or _must_authenticate(method, is_off_session=False)
    confirm(world, intent, is_off_session=is_off_session, return_url=text_of(form, "return_url"))


def _update(world: World, call: Call) -> Json:
    intent = world.get("payment_intent", call.ids[0])
    if intent["status"] in ("succeeded", "canceled") and set(call.form) - {"metadata", "description", "expand"}:
        raise invalid(f"This PaymentIntent is {intent['status']}.", code="payment_intent_unexpected_state")
    _fill(world, intent, call.form)
    return intent


def _confirm(world: World, call: Call) -> Json:
    intent = world.get("payment_intent", call.ids[0])
    _fill(world, intent, {key: value for key, value in call.form.items() if key != "amount"})
    _confirm_form(world, intent, call.form)
    return intent


def _cancel(world: World, call: Call) -> Json:
    intent = world.get("payment_intent", call.ids[0])
    if intent["status"] not in CONFIRMABLE:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    reason = text_of(call.form, "cancellation_reason") or None
    intent |= {"status": "canceled", "canceled_at": world.now(), "cancellation_reason": reason, "next_action": None}
    world.event("payment_intent.canceled", intent)
    return intent


ENDPOINTS = [
    Endpoint("POST", "/v1/payment_intents", _create),
    Endpoint("GET", "/v1/payment_intents", listing("payment_intent", "/v1/payment_intents", "customer")),
    Endpoint("GET", "/v1/payment_intents/{intent}", retrieve("payment_intent")),
    Endpoint("POST", "/v1/payment_intents/{intent}", _update),
    Endpoint("POST", "/v1/payment_intents/{intent}/confirm", _confirm),
    Endpoint("POST", "/v1/payment_intents/{intent}/cancel", _cancel),
]
