"""/v1/billing_portal/sessions and its pages: cards, invoices, receipts of one customer."""

from html import escape

from backend.billing.stripe_fake.clock import HOUR
from backend.billing.stripe_fake.errors import Json, StripeRefusal
from backend.billing.stripe_fake.forms import part_of, text_of, text_required
from backend.billing.stripe_fake.pages import (
    Page,
    PageHandler,
    card_fields,
    card_given,
    card_words,
    date,
    document,
    gone,
    money,
    problem,
)
from backend.billing.stripe_fake.payment_methods import attach, detach, methods_of
from backend.billing.stripe_fake.routing import Call, Endpoint
from backend.billing.stripe_fake.world import World

SESSION_LIVES = HOUR


def _create(world: World, call: Call) -> Json:
    customer = world.get("customer", text_required(call.form, "customer"), param="customer")
    session_id = world.new_id("bps")
    return world.put(
        {
            "id": session_id,
            "object": "billing_portal.session",
            "configuration": "bpc_default",
            "created": world.now(),
            "customer": customer["id"],
            "flow": None,
            "livemode": False,
            "locale": None,
            "on_behalf_of": None,
            "return_url": text_of(call.form, "return_url") or None,
            "url": f"{world.base_url}/p/session/{session_id}",
            "_flow": text_of(part_of(call.form, "flow_data"), "type"),
        }
    )


def _session(world: World, call: Call) -> Json | None:
    session = world.find("billing_portal.session", call.ids[0])
    return session if session is not None and session["created"] + SESSION_LIVES > world.now() else None


def show(world: World, call: Call) -> Page:
    session = _session(world, call)
    return gone("This page has expired.") if session is None else _render(world, session)


def _render(world: World, session: Json, refusal: str = "", status: int = 200) -> Page:
    customer = world.get("customer", session["customer"])
    back = session["return_url"]
    leave = f'<p><a href="{escape(back)}">Back to Svend</a></p>' if back else ""
    body = f"""
{leave}<h1>Cards, invoices and receipts</h1><p class="soft">{escape(customer["email"] or customer["id"])}</p>
<section class="card"><h2>Cards</h2>{_cards(world, customer) or _none("No card is saved.")}</section>
<form class="card" method="post"><h2>Add a card</h2>{problem(refusal)}{card_fields()}
<button type="submit" name="act" value="add">Add card</button></form>
<section class="card"><h2>Invoices</h2>{_invoices(world, customer) or _none("No invoice yet.")}</section>
<section class="card"><h2>Receipts</h2>{_receipts(world, customer) or _none("No payment yet.")}</section>"""
    return Page(document("Cards, invoices and receipts", body), status)


def _none(text: str) -> str:
    return f'<p class="soft">{text}</p>'


def _cards(world: World, customer: Json) -> str:
    default = customer["invoice_settings"]["default_payment_method"]
    rows = []
    for method in methods_of(world, customer["id"]):
        hidden = f'<input type="hidden" name="method" value="{method["id"]}">'
        is_default = method["id"] == default
        make = "" if is_default else '<button class="plain" name="act" value="default">Make default</button>'
        remove = '<button class="plain" name="act" value="remove">Remove</button>'
        words = escape(card_words(method)) + (" (default)" if is_default else "")
        rows.append(f'<div class="row"><span>{words}</span><form method="post">{hidden}{make}{remove}</form></div>')
    return "".join(rows)


def _invoices(world: World, customer: Json) -> str:
    rows = (
        f'<tr><td>{date(invoice["created"])}</td><td><a href="/invoices/{invoice["id"]}">'
        f"{escape(invoice['number'] or 'Draft')}</a></td><td>{invoice['status']}</td>"
        f"<td>{money(invoice['total'])}</td></tr>"
        for invoice in world.of_kind("invoice")
        if invoice["customer"] == customer["id"]
    )
    text = "".join(rows)
    return f"<table>{text}</table>" if text else ""


def _receipts(world: World, customer: Json) -> str:
    rows = (
        f'<tr><td>{date(charge["created"])}</td><td><a href="/receipts/{charge["id"]}">Receipt</a></td>'
        f"<td>{money(charge['amount'])}</td></tr>"
        for charge in world.of_kind("charge")
        if charge["customer"] == customer["id"] and charge["status"] == "succeeded"
    )
    text = "".join(rows)
    return f"<table>{text}</table>" if text else ""


def send(world: World, call: Call) -> Page:
    session = _session(world, call)
    if session is None:
        return gone("This page has expired.")
    try:
        _act(world, session["customer"], call.form)
    except StripeRefusal as refusal:
        return _render(world, session, str(refusal), status=refusal.status)
    return Page(location=f"/p/session/{session['id']}")


def _act(world: World, customer_id: str, form: Json) -> None:
    act = text_of(form, "act", "add")
    if act == "add":
        method = card_given(world, form)
        attach(world, method, customer_id)
        method["_is_set_up"] = True
    else:
        method = world.get("payment_method", text_of(form, "method"))
    if act == "remove":
        detach(world, method)
        return
    customer = world.get("customer", customer_id)
    customer["invoice_settings"]["default_payment_method"] = method["id"]
    world.event("customer.updated", customer)


def receipt(world: World, call: Call) -> Page:
    charge = world.find("charge", call.ids[0])
    if charge is None:
        return gone("No such receipt.")
    card = charge["payment_method_details"]["card"]
    given_back = f"<p>Refunded: {money(charge['amount_refunded'])}</p>" if charge["amount_refunded"] else ""
    body = f"""<h1>Receipt from Svend</h1><div class="card"><div class="sum">{money(charge["amount"])}</div>
<p>{escape(charge["description"] or "Payment")}, {date(charge["created"])}, {card["brand"].title()} {card["last4"]}</p>
{given_back}<p class="soft">{charge["id"]}</p></div>"""
    return Page(document("Receipt", body))


def invoice(world: World, call: Call) -> Page:
    found = world.find("invoice", call.ids[0])
    if found is None:
        return gone("No such invoice.")
    lines = "".join(
        f"<tr><td>{escape(line['description'])}</td><td>{money(line['amount'])}</td></tr>"
        for line in found["lines"]["data"]
    )
    body = f"""<h1>Invoice {escape(found["number"] or "(draft)")}</h1><div class="card">
<div class="sum">{money(found["total"])}</div><p>{date(found["created"])}: {found["status"]}</p>
<table>{lines}</table></div>"""
    return Page(document("Invoice", body))


ENDPOINTS = [Endpoint("POST", "/v1/billing_portal/sessions", _create)]
ROUTES: list[tuple[str, str, PageHandler]] = [
    ("GET", "/p/session/{session}", show),
    ("POST", "/p/session/{session}", send),
    ("GET", "/receipts/{charge}", receipt),
    ("GET", "/invoices/{invoice}", invoice),
]
