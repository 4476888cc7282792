"""/v1/invoices: drafted when a period ends, finalised an hour later with the usage of then, charged, retried.

Amounts are whole cents; a line's exact product is rounded half up, once. What is below the least charge goes to
the customer's balance and is owed with the next invoice.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from backend.billing.stripe_fake.clock import DAY, HOUR
from backend.billing.stripe_fake.errors import Json, StripeRefusal, invalid
from backend.billing.stripe_fake.forms import list_of, text_of
from backend.billing.stripe_fake.meters import usage_between
from backend.billing.stripe_fake.payment_intents import AMOUNT_CENTS_MIN, confirm, intent_make
from backend.billing.stripe_fake.payment_methods import method_named
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, page
from backend.billing.stripe_fake.world import World, public

FINALIZE_AFTER = HOUR
RETRY_AFTER = (3 * DAY, 5 * DAY, 7 * DAY)  # after the first, second, third failure; then the subscription is unpaid
NULLS = (
    "account_country account_name account_tax_ids application customer_address customer_email customer_name "
    "customer_phone customer_shipping default_payment_method default_source description due_date effective_at "
    "ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision "
    "next_payment_attempt number on_behalf_of parent receipt_number rendering shipping_cost shipping_details "
    "statement_descriptor test_clock webhooks_delivered_at automatically_finalizes_at custom_fields "
    "customer_tax_exempt"
).split()


def invoice_make(world: World, customer_id: str, *, reason: str, start: int, end: int) -> Json:
    """A draft without lines."""
    customer = world.get("customer", customer_id)
    invoice_id = world.new_id("in")
    lines = {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"}
    zeros = "amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining amount_shipping "
    zeros += "attempt_count post_payment_credit_notes_amount pre_payment_credit_notes_amount starting_balance "
    return world.put(
        {
            **dict.fromkeys(NULLS),
            **dict.fromkeys((zeros + "subtotal total subtotal_excluding_tax total_excluding_tax").split(), 0),
            "id": invoice_id,
            "object": "invoice",
            "attempted": False,
            "auto_advance": True,
            "automatic_tax": {
                "disabled_reason": None,
                "enabled": False,
                "liability": None,
                "provider": None,
                "status": None,
            },
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": world.now(),
            "currency": "usd",
            "customer": customer_id,
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_tax_ids": [],
            "default_tax_rates": [],
            "discounts": [],
            "issuer": {"type": "self"},
            "lines": lines,
            "livemode": False,
            "metadata": {},
            "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
            "period_end": end,
            "period_start": start,
            "status": "draft",
            "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
            "total_discount_amounts": [],
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "_failures": 0,
        }
    )


def line_add(world: World, invoice: Json, *, text: str, price: Json, quantity: int, start: int, end: int) -> None:
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    amount = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    detail = {"price": price["id"], "product": price["product"]}
    line: dict[str, Any] = {
        "id": world.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": text,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"start": start, "end": end},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": detail,
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
    }
    invoice["lines"]["data"].append(line)
    for name in ("subtotal", "total", "subtotal_excluding_tax", "total_excluding_tax"):
        invoice[name] += amount


def period_close(world: World, subscription: Json, *, start: int, end: int) -> Json:
    """Drafts the invoice of a period that is over."""
    invoice = invoice_make(world, subscription["customer"], reason="subscription_cycle", start=start, end=end)
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    invoice["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    invoice["automatically_finalizes_at"] = world.now() + FINALIZE_AFTER
    subscription["latest_invoice"] = invoice["id"]
    world.event("invoice.created", invoice)
    return invoice


def finalize(world: World, invoice: Json) -> None:
    """Counts the period's usage, fixes the amounts and charges the card. Raises StripeRefusal unless a draft."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    subscription = _subscription_of(world, invoice)
    for item in subscription["items"]["data"] if subscription else []:
        meter = world.get("billing.meter", item["price"]["recurring"]["meter"])
        span = (invoice["period_start"], invoice["period_end"])
        used = usage_between(world, meter, invoice["customer"], *span)
        text = f"{meter['display_name']}: {used:,} units"
        line_add(world, invoice, text=text, price=item["price"], quantity=used, start=span[0], end=span[1])
    customer = world.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    owed = invoice["total"] + customer["balance"]
    is_too_small = 0 < owed < AMOUNT_CENTS_MIN
    invoice |= {"number": number, "status": "open", "starting_balance": customer["balance"]}
    invoice["automatically_finalizes_at"] = None
    invoice["status_transitions"]["finalized_at"] = invoice["effective_at"] = world.now()
    invoice["hosted_invoice_url"] = invoice["invoice_pdf"] = f"{world.base_url}/invoices/{invoice['id']}"
    customer["balance"] = invoice["ending_balance"] = owed if is_too_small or owed < 0 else 0
    invoice["amount_due"] = invoice["amount_remaining"] = 0 if is_too_small else max(0, owed)
    world.event("invoice.finalized", invoice)
    _attempt(world, invoice)


def _subscription_of(world: World, invoice: Json) -> Json | None:
    if invoice["parent"] is None:
        return None
    return world.find("subscription", invoice["parent"]["subscription_details"]["subscription"])


def _method_for(world: World, invoice: Json) -> str | None:
    subscription = _subscription_of(world, invoice)
    default = world.get("customer", invoice["customer"])["invoice_settings"]["default_payment_method"]
    found: str | None = (subscription or {}).get("default_payment_method") or default
    return found


def _attempt(world: World, invoice: Json, method_id: str | None = None) -> StripeRefusal | None:
    """Charges what is due; gives back the bank's refusal, if it is one."""
    if invoice["amount_due"] == 0:
        _paid(world, invoice)
        return None
    method_id = method_id or _method_for(world, invoice)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    intent = _intent_of(world, invoice)
    refusal: StripeRefusal | None = None
    if method_id is None:
        refusal = invalid("This customer has no attached payment source or default payment method.")
    else:
        intent["payment_method"] = method_id
        try:
            confirm(world, intent, is_off_session=True)
        except StripeRefusal as declined:
            refusal = declined
    if refusal is None:
        _paid(world, invoice)
    else:
        _unpaid(world, invoice)
    return refusal


def _intent_of(world: World, invoice: Json) -> Json:
    if invoice.get("_intent"):
        return world.get("payment_intent", invoice["_intent"])
    intent = intent_make(world, amount=invoice["amount_due"], currency="usd", customer_id=invoice["customer"])
    intent["description"] = f"Invoice {invoice['number']}"
    invoice["_intent"] = intent["id"]
    return intent


def _paid(world: World, invoice: Json) -> None:
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0, "attempted": True}
    invoice["next_payment_attempt"] = None
    invoice["status_transitions"]["paid_at"] = world.now()
    _subscription_state(world, invoice, "active")
    world.event("invoice.paid", invoice)
    world.event("invoice.payment_succeeded", invoice)


def _unpaid(world: World, invoice: Json) -> None:
    failures = invoice["_failures"]
    is_last = failures >= len(RETRY_AFTER)
    invoice["_failures"] = failures + 1
    invoice["next_payment_attempt"] = None if is_last else world.now() + RETRY_AFTER[failures]
    _subscription_state(world, invoice, "unpaid" if is_last else "past_due")
    world.event("invoice.payment_failed", invoice)


def _subscription_state(world: World, invoice: Json, status: str) -> None:
    subscription = _subscription_of(world, invoice)
    if subscription is not None and subscription["status"] not in ("canceled", status):
        subscription["status"] = status
        world.event("customer.subscription.updated", subscription)


def advance(world: World) -> None:
    """What is due by now: drafts become final, failed charges are tried again."""
    for invoice in reversed(list(world.of_kind("invoice"))):
        if invoice["status"] == "draft" and (invoice["automatically_finalizes_at"] or 0) <= world.now():
            finalize(world, invoice)
        elif invoice["status"] == "open" and 0 < (invoice["next_payment_attempt"] or 0) <= world.now():
            _attempt(world, invoice)


def invoice_of_checkout(world: World, session: Json) -> Json:
    """The paid invoice of a Checkout payment that asked for one."""
    now = world.now()
    invoice = invoice_make(world, session["customer"], reason="manual", start=now, end=now)
    for item in session["_line_items"]:
        span = {"start": now, "end": now}
        line_add(world, invoice, text=item["description"], price=item["price"], quantity=item["quantity"], **span)
    customer = world.get("customer", session["customer"])
    invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    invoice["total"] = invoice["amount_due"] = session["amount_total"]
    invoice["hosted_invoice_url"] = invoice["invoice_pdf"] = f"{world.base_url}/invoices/{invoice['id']}"
    invoice["status_transitions"]["finalized_at"] = invoice["effective_at"] = now
    invoice["_intent"] = session["payment_intent"]
    _paid(world, invoice)
    return invoice


def _payments(world: World, invoice: Json) -> Json:
    rows = [_payment(world, invoice)] if invoice.get("_intent") else []
    return {"object": "list", "url": "/v1/invoice_payments", "has_more": False, "data": rows}


def _payment(world: World, invoice: Json) -> Json:
    return {
        "id": "inpay_" + invoice["id"][3:],
        "object": "invoice_payment",
        "amount_paid": invoice["amount_paid"] if invoice["status"] == "paid" else None,
        "amount_requested": invoice["amount_due"],
        "created": invoice["created"],
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": invoice["_intent"], "type": "payment_intent"},
        "status": "paid" if invoice["status"] == "paid" else "open",
        "status_transitions": {"canceled_at": None, "paid_at": invoice["status_transitions"]["paid_at"]},
    }


def _retrieve(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call.ids[0])
    wants = any(str(path).startswith("payments") for path in list_of(call.form, "expand"))
    return {**invoice, "payments": _payments(world, invoice)} if wants else invoice


def _payment_list(world: World, call: Call) -> Json:
    wanted_invoice = text_of(call.form, "invoice")
    wanted_intent = (call.form.get("payment") or {}).get("payment_intent", "")
    rows = (
        public(_payment(world, invoice))
        for invoice in world.of_kind("invoice")
        if invoice.get("_intent")
        and (not wanted_invoice or invoice["id"] == wanted_invoice)
        and (not wanted_intent or invoice["_intent"] == wanted_intent)
    )
    return page(rows, call.form, "/v1/invoice_payments")


def _pay(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call.ids[0])
    if invoice["status"] != "open":
        raise invalid(f"Invoice is {invoice['status']}: only an open one can be paid.")
    name = text_of(call.form, "payment_method")
    refusal = _attempt(world, invoice, method_named(world, name)["id"] if name else None)
    if refusal is not None:
        raise refusal
    return invoice


def _finalize(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call.ids[0])
    finalize(world, invoice)
    return invoice


def _void(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call.ids[0])
    if invoice["status"] != "open":
        raise invalid(f"You can only void an open invoice; this one is {invoice['status']}.")
    invoice |= {"status": "void", "next_payment_attempt": None}
    invoice["status_transitions"]["voided_at"] = world.now()
    world.event("invoice.voided", invoice)
    return invoice


ENDPOINTS = [
    Endpoint("GET", "/v1/invoices", listing("invoice", "/v1/invoices", "customer", "status")),
    Endpoint("GET", "/v1/invoices/{invoice}", _retrieve),
    Endpoint("POST", "/v1/invoices/{invoice}/pay", _pay),
    Endpoint("POST", "/v1/invoices/{invoice}/finalize", _finalize),
    Endpoint("POST", "/v1/invoices/{invoice}/void", _void),
    Endpoint("GET", "/v1/invoice_payments", _payment_list),
]
