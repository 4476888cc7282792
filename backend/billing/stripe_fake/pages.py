"""What the far end's own pages share: the frame, the card form, money in words. Plain HTML, no script.

They say on top that no money moves: somebody may meet them in a demo.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from backend.billing.stripe_fake.cards import CARDS
from backend.billing.stripe_fake.errors import Json, StripeRefusal
from backend.billing.stripe_fake.forms import text_of
from backend.billing.stripe_fake.payment_methods import method_make
from backend.billing.stripe_fake.routing import Call
from backend.billing.stripe_fake.world import World


@dataclass(frozen=True)
class Page:
    """A whole document, or (with `location`) a redirect after a form was sent."""

    html: str = ""
    status: int = 200
    location: str = ""


PageHandler = Callable[[World, Call], Page]

STYLE = """
:root{color-scheme:light dark;--bg:#f6f8fa;--card:#fff;--ink:#1a2233;--soft:#55617a;--line:#d5dbe5;--act:#4f46e5;
--on-act:#fff;--bad:#b42318;--note:#fff7e0;--note-ink:#6b4e00}
@media(prefers-color-scheme:dark){:root{--bg:#12151c;--card:#1b2029;--ink:#e8ecf4;--soft:#a3aec2;--line:#333c4b;
--act:#a5b4fc;--on-act:#12151c;--bad:#ff9a8f;--note:#3a3115;--note-ink:#f3dc9b}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:30rem;margin:0 auto;padding:1.5rem 1rem 4rem}
.test{background:var(--note);color:var(--note-ink);padding:.5rem 1rem;text-align:center;font-size:.875rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.25rem;margin:1rem 0}
h1{font-size:1.25rem;margin:.5rem 0}h2{font-size:1rem;margin:0 0 .5rem}.sum{font-size:2rem;font-weight:650}
.soft{color:var(--soft);font-size:.875rem}.bad{color:var(--bad);font-weight:600}
label{display:block;font-size:.875rem;margin:.75rem 0 .25rem}
input:not([type=radio]),button{font:inherit;width:100%;min-height:44px;border-radius:8px;padding:.5rem .75rem}
input:not([type=radio]){border:1px solid var(--line);background:var(--bg);color:var(--ink)}
button{margin-top:1rem;border:0;background:var(--act);color:var(--on-act);font-weight:600;cursor:pointer}
button.plain{background:none;color:var(--ink);border:1px solid var(--line);margin-top:.5rem}
.two{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
.row{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.5rem 1rem;padding:.25rem 0}
.row form{display:flex;gap:.5rem}.row button{width:auto;margin:0}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
td,th{text-align:left;padding:.5rem .25rem;border-bottom:1px solid var(--line)}td:last-child{text-align:right}
a{color:var(--act)}summary{cursor:pointer;min-height:44px;padding:.5rem 0}code{font-size:.875rem}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
"""


def document(title: str, body: str) -> str:
    """`body` is HTML; every value in it was escaped by its maker."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        '<header class="test">Test mode: a stand-in for the payment processor. No money moves.</header>'
        f"<main>{body}</main></body></html>"
    )


def money(cents: int, currency: str = "usd") -> str:
    sign, whole = "-" if cents < 0 else "", abs(cents)
    return f"{sign}${whole // 100:,}.{whole % 100:02d}" + ("" if currency == "usd" else f" {currency.upper()}")


def date(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%d %b %Y")


def card_words(method: Json) -> str:
    card = method["card"]
    return f"{card['brand'].title()} ending in {card['last4']}, expires {card['exp_month']:02d}/{card['exp_year']}"


def card_fields() -> str:
    """The fields of a card, and which test cards there are."""
    kinds = {
        "4242424242424242": "pays",
        "4000002500003155": "asks for authentication",
        "4000000000000002": "is declined",
    }
    assert set(kinds) <= set(CARDS)
    listed = "".join(f"<li><code>{number}</code> {words}</li>" for number, words in kinds.items())
    return f"""
<label for="number">Card number</label>
<input id="number" name="number" inputmode="numeric" autocomplete="cc-number" required
placeholder="4242 4242 4242 4242">
<div class="two"><div><label for="expiry">Expiry</label>
<input id="expiry" name="expiry" autocomplete="cc-exp" placeholder="12/34" value="12/34" required></div>
<div><label for="cvc">CVC</label>
<input id="cvc" name="cvc" inputmode="numeric" autocomplete="cc-csc" placeholder="123" value="123" required></div></div>
<details open><summary>Test cards</summary><ul class="soft">{listed}</ul></details>"""


def card_given(world: World, form: Json) -> Json:
    """The card of the form. Raises StripeRefusal: no test card, or an expiry that is past or cannot be read."""
    month, _, year = text_of(form, "expiry", "12/34").partition("/")
    if not (month.strip().isdigit() and year.strip().isdigit() and 1 <= int(month) <= 12):
        raise StripeRefusal(402, "card_error", "Your card's expiration date is incomplete: use MM/YY.")
    whole_year = int(year) if int(year) > 99 else 2000 + int(year)
    today = dt.datetime.fromtimestamp(world.now(), dt.UTC)
    if (whole_year, int(month)) < (today.year, today.month):
        raise StripeRefusal(402, "card_error", "Your card's expiration date is in the past.")
    return method_make(world, text_of(form, "number"), month=int(month), year=whole_year)


def problem(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text)}</p>' if text else ""


def gone(text: str, status: int = 404) -> Page:
    return Page(document("Nothing to do here", f'<div class="card"><h1>{escape(text)}</h1></div>'), status)
