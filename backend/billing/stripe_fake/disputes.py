"""/v1/disputes: a customer's bank takes a payment back, with a fee, until the dispute is won.

Evidence decides as in Stripe's tests: the text `winning_evidence` wins, `losing_evidence` loses.
"""

from backend.billing.stripe_fake.charges import balance_move
from backend.billing.stripe_fake.clock import DAY
from backend.billing.stripe_fake.errors import Json, invalid
from backend.billing.stripe_fake.forms import flag_of, metadata_merged, part_of, text_of
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, retrieve
from backend.billing.stripe_fake.world import World, public

DISPUTE_FEE_CENTS = 1_500
ANSWER_WITHIN = 9 * DAY
EVIDENCE_FIELDS = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
).split()
OPEN = ("needs_response", "under_review")


def dispute_open(world: World, charge: Json, *, reason: str) -> Json:
    """Takes the charge's whole amount back. Raises StripeRefusal when that is so already."""
    if charge["disputed"] or charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} cannot be disputed: {charge['status']}, disputed={charge['disputed']}.")
    dispute_id = world.new_id("du")
    taken = charge["amount"] - charge["amount_refunded"]
    kind = {"kind": "adjustment", "category": "dispute"}
    moved = balance_move(world, amount=-taken, fee=DISPUTE_FEE_CENTS, source=dispute_id, **kind)
    dispute = world.put(
        {
            "id": dispute_id,
            "object": "dispute",
            "amount": taken,
            "balance_transactions": [public(moved)],
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(EVIDENCE_FIELDS), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": world.now() + ANSWER_WITHIN,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "needs_response",
        }
    )
    charge["disputed"] = True
    world.event("charge.dispute.created", dispute)
    world.event("charge.dispute.funds_withdrawn", dispute)
    return dispute


def dispute_end(world: World, dispute: Json, *, is_won: bool) -> None:
    """Raises StripeRefusal for a dispute that is over."""
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed.")
    dispute["status"] = "won" if is_won else "lost"
    world.event("charge.dispute.closed", dispute)
    if is_won:
        kind = {"kind": "adjustment", "category": "dispute_reversal"}
        fee = -DISPUTE_FEE_CENTS
        moved = balance_move(world, amount=dispute["amount"], fee=fee, source=dispute["id"], **kind)
        dispute["balance_transactions"].append(public(moved))
        world.event("charge.dispute.funds_reinstated", dispute)


def _update(world: World, call: Call) -> Json:
    dispute = world.get("dispute", call.ids[0])
    evidence = part_of(call.form, "evidence")
    dispute["evidence"] |= {name: value for name, value in evidence.items() if name in EVIDENCE_FIELDS}
    dispute["metadata"] = metadata_merged(dispute["metadata"], call.form)
    dispute["evidence_details"]["has_evidence"] = bool(evidence) or dispute["evidence_details"]["has_evidence"]
    is_sent = "submit" not in call.form or flag_of(call.form, "submit")
    if evidence and is_sent:
        dispute["evidence_details"]["submission_count"] += 1
        dispute["status"] = "under_review"
        text = text_of(evidence, "uncategorized_text")
        if text in ("winning_evidence", "losing_evidence"):
            dispute_end(world, dispute, is_won=text == "winning_evidence")
    return dispute


def _close(world: World, call: Call) -> Json:
    dispute = world.get("dispute", call.ids[0])
    dispute_end(world, dispute, is_won=False)
    return dispute


ENDPOINTS = [
    Endpoint("GET", "/v1/disputes", listing("dispute", "/v1/disputes", "charge", "payment_intent")),
    Endpoint("GET", "/v1/disputes/{dispute}", retrieve("dispute")),
    Endpoint("POST", "/v1/disputes/{dispute}", _update),
    Endpoint("POST", "/v1/disputes/{dispute}/close", _close),
]
