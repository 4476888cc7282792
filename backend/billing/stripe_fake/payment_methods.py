"""/v1/payment_methods: cards, attached to a customer or not. A card's number stays inside."""

from typing import Any

from backend.billing.stripe_fake.cards import CARDS, NAMED_CARDS, Decline, TestCard
from backend.billing.stripe_fake.errors import Json, StripeRefusal, invalid, missing_parameter
from backend.billing.stripe_fake.forms import integer_of, part_of, text_of, text_required
from backend.billing.stripe_fake.routing import Call, Endpoint, page, retrieve
from backend.billing.stripe_fake.world import World

EXPIRY_YEAR_DEFAULT = 2034


def card_error(decline: Decline, **details: Any) -> StripeRefusal:
    """The answer 402 that a bank's refusal is. An Idempotency-Key remembers it."""
    return StripeRefusal(
        402,
        "card_error",
        decline.message,
        is_saved=True,
        code=decline.code,
        decline_code=decline.decline_code if decline.code in ("card_declined", "authentication_required") else None,
        **details,
    )


def card_of(method: Json) -> TestCard:
    return CARDS[method["_number"]]


def method_make(world: World, number: str, *, month: int = 12, year: int = EXPIRY_YEAR_DEFAULT) -> Json:
    """Raises StripeRefusal for a number that is no test card."""
    card = CARDS.get(number.replace(" ", ""))
    if card is None:
        raise StripeRefusal(
            402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="card[number]"
        )
    return world.put(
        {
            "id": world.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
            "card": {
                "brand": card.brand,
                "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
                "country": "US",
                "display_brand": card.brand,
                "exp_month": month,
                "exp_year": year,
                "fingerprint": f"fp{card.last4}",
                "funding": "credit",
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": world.now(),
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
            "_number": card.number,
            "_is_set_up": False,
        }
    )


def method_named(world: World, name: str, *, param: str = "payment_method") -> Json:
    """A payment method by id, or a fresh one by a test name such as `pm_card_visa`. Raises StripeRefusal."""
    if name in NAMED_CARDS:
        return method_make(world, NAMED_CARDS[name])
    return world.get("payment_method", name, param=param)


def attach(world: World, method: Json, customer_id: str) -> None:
    """Raises StripeRefusal: no such customer, attached elsewhere, or a card its bank refuses at once."""
    world.get("customer", customer_id, param="customer")
    if method["customer"] not in (None, customer_id):
        raise invalid("The payment method you provided has already been attached to a customer.")
    if (decline := card_of(method).at_save) is not None:
        raise card_error(decline)
    if method["customer"] is None:
        method["customer"] = customer_id
        world.event("payment_method.attached", method)


def detach(world: World, method: Json) -> None:
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = world.find("customer", method["customer"])
    method["customer"] = None
    method["_is_detached"] = True
    if customer is not None and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        world.event("customer.updated", customer)
    world.event("payment_method.detached", method)


def _create(world: World, call: Call) -> Json:
    if text_required(call.form, "type") != "card":
        raise invalid("Only cards are offered here.", param="type")
    card = part_of(call.form, "card")
    number = NAMED_CARDS.get(text_of(card, "token"), "") or text_of(card, "number")
    if not number:
        raise missing_parameter("card[number]")
    month, year = integer_of(card, "exp_month", 12), integer_of(card, "exp_year", EXPIRY_YEAR_DEFAULT)
    return method_make(world, number, month=month or 12, year=year or EXPIRY_YEAR_DEFAULT)


def _attach(world: World, call: Call) -> Json:
    method = method_named(world, call.ids[0])
    if method.get("_is_detached"):
        raise invalid("This PaymentMethod was previously detached from a Customer and may not be used again.")
    attach(world, method, text_required(call.form, "customer"))
    return method


def _detach(world: World, call: Call) -> Json:
    method = world.get("payment_method", call.ids[0])
    detach(world, method)
    return method


def _list(world: World, call: Call) -> Json:
    customer_id = call.ids[0] if call.ids else text_of(call.form, "customer")
    path = f"/v1/customers/{customer_id}/payment_methods" if call.ids else "/v1/payment_methods"
    return page(methods_of(world, customer_id), call.form, path)


def methods_of(world: World, customer_id: str) -> list[Json]:
    world.get("customer", customer_id, param="customer")
    return [method for method in world.of_kind("payment_method") if method["customer"] == customer_id]


ENDPOINTS = [
    Endpoint("POST", "/v1/payment_methods", _create),
    Endpoint("GET", "/v1/payment_methods", _list),
    Endpoint("GET", "/v1/customers/{customer}/payment_methods", _list),
    Endpoint("GET", "/v1/payment_methods/{payment_method}", retrieve("payment_method")),
    Endpoint("POST", "/v1/payment_methods/{payment_method}/attach", _attach),
    Endpoint("POST", "/v1/payment_methods/{payment_method}/detach", _detach),
]
