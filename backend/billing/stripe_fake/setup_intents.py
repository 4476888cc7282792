"""/v1/setup_intents: a card kept for later payments, which its bank may want to have confirmed once."""

from backend.billing.stripe_fake.cards import Authentication, Decline
from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.payment_methods import attach, card_error, card_of
from backend.billing.stripe_fake.routing import Call, Endpoint, expanded, listing, retrieve
from backend.billing.stripe_fake.world import World

AUTHENTICATION_FAILED = Decline(
    "setup_intent_authentication_failure",
    "authentication_failed",
    "The provided PaymentMethod has failed authentication. Provide another one and try again.",
)


def setup_make(world: World, *, customer_id: str | None, metadata: Json) -> Json:
    setup_id = world.new_id("seti")
    return world.put(
        {
            "id": setup_id,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{setup_id}_secret_{world.new_id('s')[2:]}",
            "created": world.now(),
            "customer": customer_id,
            "description": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": metadata,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
        }
    )


def setup_confirm(world: World, setup: Json, method: Json, *, return_url: str) -> None:
    """Keeps the card, or asks for authentication. Raises StripeRefusal (402) for a card that is refused at once."""
    setup["payment_method"] = method["id"]
    if card_of(method).authentication is Authentication.NEVER:
        setup_succeed(world, setup, method)
        return
    url = f"{world.base_url}/3ds/{setup['id']}"
    setup |= {"status": "requires_action", "_return_url": return_url}
    setup["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def setup_succeed(world: World, setup: Json, method: Json) -> None:
    """Raises StripeRefusal (402) for a card that its bank refuses."""
    if setup["customer"]:
        attach(world, method, setup["customer"])
    method["_is_set_up"] = True
    setup |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    world.event("setup_intent.succeeded", setup)


def authenticate(world: World, setup: Json, *, is_passed: bool) -> bool:
    """The answer of the bank's page; whether the card is kept now."""
    if setup["status"] != "requires_action":
        return bool(setup["status"] == "succeeded")
    method = world.get("payment_method", setup["payment_method"])
    if is_passed:
        setup_succeed(world, setup, method)
        return True
    error = {**card_error(AUTHENTICATION_FAILED).error, "payment_method": expanded(world, method, {})}
    setup |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    setup["last_setup_error"] = error
    world.event("setup_intent.setup_failed", setup)
    return False


def _cancel(world: World, call: Call) -> Json:
    setup = world.get("setup_intent", call.ids[0])
    setup |= {"status": "canceled", "next_action": None}
    world.event("setup_intent.canceled", setup)
    return setup


ENDPOINTS = [
    Endpoint("GET", "/v1/setup_intents", listing("setup_intent", "/v1/setup_intents", "customer", "payment_method")),
    Endpoint("GET", "/v1/setup_intents/{intent}", retrieve("setup_intent")),
    Endpoint("POST", "/v1/setup_intents/{intent}/cancel", _cancel),
]
