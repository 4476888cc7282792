"""/v1/refunds: money given back, whole or in part, of a charge that succeeded."""

from backend.billing.stripe_fake.charges import balance_move
from backend.billing.stripe_fake.errors import Json, invalid, missing_parameter
from backend.billing.stripe_fake.forms import integer_of, metadata_merged, text_of
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, retrieve
from backend.billing.stripe_fake.world import World


def _charge_of(world: World, form: Json) -> Json:
    if charge_id := text_of(form, "charge"):
        return world.get("charge", charge_id, param="charge")
    if intent_id := text_of(form, "payment_intent"):
        intent = world.get("payment_intent", intent_id, param="payment_intent")
        if intent["status"] != "succeeded":
            raise invalid("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
        return world.get("charge", intent["latest_charge"])
    raise missing_parameter("payment_intent")


def create(world: World, call: Call) -> Json:
    charge = _charge_of(world, call.form)
    left = charge["amount"] - charge["amount_refunded"]
    amount = integer_of(call.form, "amount", left) or 0
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    refund_id = world.new_id("re")
    moved = balance_move(world, amount=-amount, fee=0, kind="refund", category="refund", source=refund_id)
    refund = world.put(
        {
            "id": refund_id,
            "object": "refund",
            "amount": amount,
            "balance_transaction": moved["id"],
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": metadata_merged({}, call.form),
            "payment_intent": charge["payment_intent"],
            "reason": text_of(call.form, "reason") or None,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.event("refund.created", refund)
    world.event("charge.refunded", charge)
    return refund


ENDPOINTS = [
    Endpoint("POST", "/v1/refunds", create),
    Endpoint("GET", "/v1/refunds", listing("refund", "/v1/refunds", "charge", "payment_intent")),
    Endpoint("GET", "/v1/refunds/{refund}", retrieve("refund")),
]
