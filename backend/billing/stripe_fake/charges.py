"""/v1/charges and /v1/balance_transactions: money that moved, and what the processor kept of it.

Amounts are whole cents. The fee is that of a card in the US: 2.9 % + 30 cents, rounded half up.
"""

from backend.billing.stripe_fake.cards import Decline
from backend.billing.stripe_fake.clock import DAY
from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.payment_methods import card_of
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, retrieve
from backend.billing.stripe_fake.world import World

FEE_PER_MILLE = 29
FEE_FIXED_CENTS = 30
AVAILABLE_AFTER = 2 * DAY


def fee_of(amount: int) -> int:
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED_CENTS


def balance_move(world: World, *, amount: int, fee: int, kind: str, category: str, source: str) -> Json:
    """One line of the processor's account of us: `amount` as the customer saw it, `net` as we get it."""
    fees = [{"amount": fee, "application": None, "currency": "usd", "description": "Fees", "type": "stripe_fee"}]
    return world.put(
        {
            "id": world.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": world.now() + AVAILABLE_AFTER,
            "balance_type": "payments",
            "created": world.now(),
            "currency": "usd",
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": fees if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "pending",
            "type": kind,
        }
    )


def charge_make(world: World, intent: Json, method: Json, decline: Decline | None) -> Json:
    """A charge of the intent's amount: succeeded, or failed for `decline`."""
    charge_id = world.new_id("ch")
    moved = None
    if decline is None:
        amount = intent["amount"]
        kind = {"kind": "charge", "category": "charge"}
        moved = balance_move(world, amount=amount, fee=fee_of(amount), source=charge_id, **kind)
    charge = world.put(
        {
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0 if decline else intent["amount"],
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": moved["id"] if moved else None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SVEND",
            "captured": decline is None,
            "created": world.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(decline),
            "paid": decline is None,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(method),
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": f"{world.base_url}/receipts/{charge_id}",
            "refunded": False,
            "review": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "failed" if decline else "succeeded",
            "transfer_group": None,
        }
    )
    world.event("charge.failed" if decline else "charge.succeeded", charge)
    return charge


def _outcome(decline: Decline | None) -> Json:
    return {
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "seller_message": "The bank refused." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _details(method: Json) -> Json:
    card = method["card"]
    names = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    brand = card_of(method).brand
    shown = {**{name: card[name] for name in names}, "network": brand, "three_d_secure": None, "wallet": None}
    return {"type": "card", "card": {**shown, "checks": card["checks"], "installments": None, "mandate": None}}


def _balance_list(world: World, call: Call) -> Json:
    for row in world.objects.get("balance_transaction", {}).values():
        if row["status"] == "pending" and row["available_on"] <= world.now():
            row["status"] = "available"
    return listing("balance_transaction", "/v1/balance_transactions", "source", "type", "currency")(world, call)


ENDPOINTS = [
    Endpoint("GET", "/v1/charges", listing("charge", "/v1/charges", "customer", "payment_intent")),
    Endpoint("GET", "/v1/charges/{charge}", retrieve("charge")),
    Endpoint("GET", "/v1/balance_transactions", _balance_list),
    Endpoint("GET", "/v1/balance_transactions/{id}", retrieve("balance_transaction")),
]
