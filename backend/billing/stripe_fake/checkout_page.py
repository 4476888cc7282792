"""The Checkout page: what is bought, a card, one button. And the bank's page that asks whether it is you."""

from html import escape
from urllib.parse import quote

from backend.billing.stripe_fake import checkout, payment_intents, setup_intents
from backend.billing.stripe_fake.errors import Json, StripeRefusal
from backend.billing.stripe_fake.forms import text_of
from backend.billing.stripe_fake.pages import (
    Page,
    PageHandler,
    card_fields,
    card_given,
    card_words,
    document,
    gone,
    money,
    problem,
)
from backend.billing.stripe_fake.payment_methods import methods_of
from backend.billing.stripe_fake.routing import Call
from backend.billing.stripe_fake.world import World

TITLES = {"payment": "Pay", "setup": "Save a card", "subscription": "Subscribe"}


def _success_url(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", quote(session["id"]))


def show(world: World, call: Call) -> Page:
    session = world.find("checkout.session", call.ids[0])
    if session is None or session["status"] == "expired":
        return gone("This page has expired.")
    if session["status"] == "complete":
        return Page(location=_success_url(session))
    return _render(world, session, _last_refusal(world, session))


def _last_refusal(world: World, session: Json) -> str:
    intent = world.find("payment_intent", session["payment_intent"] or "")
    setup = world.find("setup_intent", session.get("_setup") or "")
    error = (intent or {}).get("last_payment_error") or (setup or {}).get("last_setup_error") or {}
    return str(error.get("message", ""))


def _render(world: World, session: Json, refusal: str, status: int = 200) -> Page:
    title = TITLES[session["mode"]]
    lines = "".join(
        f'<div class="row"><span>{escape(item["description"])}</span>'
        f"<span>{money(item['amount_total'], session['currency'])}</span></div>"
        for item in session["_line_items"]
    )
    total = ""
    if session["amount_total"] is not None:
        tax = session["total_details"]["amount_tax"]
        lines += f'<div class="row"><span>Tax</span><span>{money(tax)}</span></div>' if tax else ""
        total = f'<div class="sum">{money(session["amount_total"], session["currency"])}</div>'
    button = f"{title} {money(session['amount_total'])}" if session["mode"] == "payment" else title
    back = session["cancel_url"]
    leave = f'<p><a href="{escape(back)}">Back without paying</a></p>' if back else ""
    body = f"""
{leave}<h1>{title}</h1>{total}<div class="card">{lines or "A card for later payments."}</div>
<form class="card" method="post">{problem(refusal)}{_saved(world, session)}{card_fields()}
<button type="submit">{escape(button)}</button></form>"""
    return Page(document(title, body), status)


def _saved(world: World, session: Json) -> str:
    if session["customer"] is None or session["mode"] == "setup":
        return ""
    buttons = "".join(
        f'<button type="submit" class="plain" formnovalidate name="saved" value="{method["id"]}">'
        f"Use {escape(card_words(method))}</button>"
        for method in methods_of(world, session["customer"])
    )
    return f'{buttons}<p class="soft">Or another card:</p>' if buttons else ""


def send(world: World, call: Call) -> Page:
    session = world.find("checkout.session", call.ids[0])
    if session is None or session["status"] != "open":
        return show(world, call)
    try:
        saved = text_of(call.form, "saved")
        method = world.get("payment_method", saved) if saved else card_given(world, call.form)
        ask = checkout.pay(world, session, method)
    except StripeRefusal as refusal:
        return _render(world, session, str(refusal), status=refusal.status)
    return Page(location=ask or _success_url(session))


def _waiting(world: World, call: Call) -> Json | None:
    intent = world.find("payment_intent", call.ids[0]) or world.find("setup_intent", call.ids[0])
    return intent if intent is not None and intent["status"] == "requires_action" else None


def challenge_show(world: World, call: Call) -> Page:
    intent = _waiting(world, call)
    if intent is None:
        return gone("There is nothing to confirm any more.")
    amount = f" of {money(intent['amount'], intent['currency'])}" if "amount" in intent else ""
    body = f"""
<h1>Your bank asks: is this you?</h1><form class="card" method="post">
<p>A payment{amount} to Svend waits for your word.</p>
<button type="submit" name="answer" value="complete">Complete authentication</button>
<button type="submit" class="plain" name="answer" value="fail">Fail authentication</button></form>"""
    return Page(document("3D Secure", body))


def challenge_answer(world: World, call: Call) -> Page:
    intent = _waiting(world, call)
    if intent is None:
        return challenge_show(world, call)
    is_passed = text_of(call.form, "answer") == "complete"
    method = world.get("payment_method", intent["payment_method"])
    part = payment_intents if intent["object"] == "payment_intent" else setup_intents
    is_done = part.authenticate(world, intent, is_passed=is_passed)
    session = checkout.session_of(world, intent)
    if session is not None and is_done:
        checkout.complete(world, session, method)
    back = str(intent.get("_return_url") or "")
    if not back:
        return gone("Done. You can close this page.", status=200)
    if session is None:  # a product's own page: told as Stripe tells it
        name = "payment_intent" if part is payment_intents else "setup_intent"
        status = "succeeded" if is_done else "failed"
        back += ("&" if "?" in back else "?") + f"{name}={intent['id']}&redirect_status={status}"
    return Page(location=back)


ROUTES: list[tuple[str, str, PageHandler]] = [
    ("GET", "/checkout/c/{session}", show),
    ("POST", "/checkout/c/{session}", send),
    ("GET", "/3ds/{intent}", challenge_show),
    ("POST", "/3ds/{intent}", challenge_answer),
]
