"""Money as a customer meets it: credit runs out, is topped up on the Checkout page, fills itself; a card is refused.

Runs are the real model's. To spend a dollar in a question or two the model's price is raised, by the operator's own
route, for as long as the story lasts.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Product
from tests.e2e.visitor import ANSWER_MS, DERIVATIVE, ask, sign_up
from tests.stripe_far_end import FarEnd

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(420)]

MODEL = "svend-nano"
PRICE, DEAR_PRICE = 3_000, 12_000_000  # n$ a token: at the dear one a trial dollar is 83 tokens, a question or two
ASKS_MAX = 6
PAGE_MS = 15_000
CENT = 10_000_000  # n$


def _operator(product: Product) -> dict[str, str]:
    return {"authorization": f"Bearer {product.first_run['operator_key']}"}


@contextlib.contextmanager
def _dear(product: Product) -> Iterator[None]:
    def price_set(nano_usd: int) -> None:
        wish = {"model": MODEL, "nano_usd_per_token": nano_usd, "reason": "a test of running out of credit"}
        answer = product.http.post("/api/console/prices", json=wish, headers=_operator(product))
        assert answer.status_code == 201, answer.text

    price_set(DEAR_PRICE)
    try:
        yield
    finally:
        price_set(PRICE)


def _read(page: Page, path: str) -> Any:
    return page.request.get(path).json()


def _until(page: Page, path: str, is_so: Any) -> Any:
    deadline = time.monotonic() + 30
    while not is_so(found := _read(page, path)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def _answered(page: Page) -> None:
    expect(page.get_by_label("Reasoning, step by step")).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)


def _ask_until_refused(page: Page) -> None:
    """Asks the model until the credit is gone; the reason and the way to the cure stand where the answer would."""
    refusal = page.get_by_text(re.compile("your balance affords", re.IGNORECASE))
    for _ in range(ASKS_MAX):
        page.goto("/")
        ask(page, DERIVATIVE)
        answered = page.locator("[aria-label='Reasoning, step by step'][aria-busy='false']")
        expect(refusal.or_(answered).first).to_be_visible(timeout=ANSWER_MS)
        if refusal.count():
            expect(refusal).to_contain_text("Add credit to go on.")
            page.get_by_role("link", name="Open billing").click()
            return
    raise AssertionError("the trial credit did not run out")


def _pay(page: Page, number: str, button: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_role("button", name=button).click()


def _nano(text: str) -> int:
    """n$ of "+$5.00" or, with a true minus, of "$0.000636"."""
    whole, _, fraction = re.sub(r"[^0-9.]", "", text).partition(".")
    return int(whole + fraction.ljust(9, "0")) * (1 if text.startswith("+") else -1)


def _statement_matches(page: Page) -> None:
    """Page, API and runs agree to the nano-dollar."""
    statement, usage = _read(page, "/api/statement"), _read(page, "/api/usage/runs")["results"]
    lines = statement["results"]
    assert (
        statement["opening_nano_usd"] + sum(line["amount_nano_usd"] for line in lines)
        == (statement["closing_nano_usd"])
    )
    assert statement["closing_nano_usd"] == _read(page, "/api/billing")["balance_nano_usd"]
    costs = {run["run_id"]: -run["cost_nano_usd"] for run in usage if run["cost_nano_usd"]}
    assert {line["run_id"]: line["amount_nano_usd"] for line in lines if line["run_id"]} == costs
    rows = page.get_by_role("region", name="Statement").locator("tbody tr")
    expect(rows).to_have_count(len(lines), timeout=PAGE_MS)
    shown = [rows.nth(place).locator("td").nth(4).inner_text() for place in range(len(lines))]
    assert [_nano(text) for text in shown] == [line["amount_nano_usd"] for line in lines]
    expect(rows.locator("a").first).to_have_attribute("href", re.compile("/runs/run_"))


def _auto_top_up_set(page: Page, button: str, *, threshold_cents: int) -> None:
    panel = page.get_by_role("region", name="Automatic top-up")
    panel.get_by_role("button", name=button).click()
    amounts = {"Begin below": threshold_cents, "Fill up to": threshold_cents + 1_000}
    for label, cents in {**amounts, "At most a month": 10_000}.items():
        panel.get_by_label(label).fill(f"{cents // 100}.{cents % 100:02d}")
    panel.get_by_role("button", name="Save" if button == "Change" else button).click()
    expect(panel.get_by_text(re.compile("is charged up to"))).to_be_visible(timeout=PAGE_MS)


def _just_below_balance(page: Page) -> int:
    """Cents: the next question takes the balance below it."""
    return int(_read(page, "/api/billing")["balance_nano_usd"]) // CENT


def _charges(page: Page, status: str) -> list[Any]:
    payments = _read(page, "/api/billing/payments")
    return [row for row in payments if row["kind"] == "auto" and row["status"] == status]


def _ask_and_settle(page: Page) -> None:
    page.goto("/")
    ask(page, DERIVATIVE)
    _answered(page)
    _until(page, "/api/billing", lambda billing: billing["held_nano_usd"] == 0)


def _card_change(page: Page, number: str) -> None:
    """On the processor's own page; the product hears of it by webhook."""
    page.get_by_role("button", name="Open cards and invoices").click()
    _pay(page, number, "Add card")
    page.get_by_role("link", name="Back to Svend").click()
    _until(page, "/api/billing", lambda billing: billing["card"]["last4"] == number[-4:])
    page.reload()


def _cross_threshold(page: Page, button: str) -> None:
    """Sets the threshold just below the balance, and asks: what follows is automatic."""
    _auto_top_up_set(page, button, threshold_cents=_just_below_balance(page))
    _ask_and_settle(page)


def _stripe_faults(product: Product) -> list[str]:
    """What of all that the product said to Stripe, and of all answers and webhooks, is not as Stripe publishes it."""
    env = product.env
    return FarEnd(env["STRIPE_API_BASE"], product.process, secret_key=env["STRIPE_API_KEY"]).faults()


def _broken_proofs(product: Product) -> list[Any]:
    answer = product.http.get("/api/console/proof", headers=_operator(product))
    assert answer.status_code == 200, answer.text
    return [line for line in answer.json()["lines"] if line["state"] == "broken"]


def test_credit_runs_out_is_topped_up_and_fills_itself_until_the_card_is_refused(
    page: Page, product: Product, screenshots: Path
) -> None:
    sign_up(page, product, f"payer-{time.time_ns()}@example.com")
    with _dear(product):
        _ask_until_refused(page)
        page.get_by_role("button", name="Top up $10", exact=True).click()
        page.wait_for_url("**/checkout/c/**", timeout=PAGE_MS)
        _pay(page, "4000000000000002", "Pay $10.00")
        expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
        _pay(page, "4242424242424242", "Pay $10.00")
        expect(page.get_by_text("$10 of credit has arrived.")).to_be_visible(timeout=PAGE_MS)

        _ask_and_settle(page)
        page.goto("/billing")
        _statement_matches(page)

        _cross_threshold(page, "Switch on")
        _until(page, "/api/billing/payments", lambda _: _charges(page, "succeeded"))
        page.goto("/billing")
        expect(page.get_by_role("cell", name="Automatic top-up")).to_have_count(1)
        _statement_matches(page)

        _card_change(page, "4000000000000341")
        _cross_threshold(page, "Change")
        _until(page, "/api/billing", lambda billing: billing["banner"] is not None)
        page.goto("/billing")
        banner = page.get_by_role("alert").filter(has_text="Your card was refused for an automatic top-up.")
        expect(banner).to_contain_text(re.compile(r"after 20\d\d-\d\d-\d\d"))
        expect(banner.get_by_role("button", name="Change the card")).to_be_visible()
        page.screenshot(path=screenshots / "billing-refused-light-1280.png", full_page=True)
        assert len(_charges(page, "succeeded")) == 1

        _card_change(page, "4000002760003184")
        _cross_threshold(page, "Change")
        _until(page, "/api/billing", lambda billing: billing["pending_action"] is not None)
        page.goto("/billing")
        page.get_by_role("button", name="Confirm with your bank").click()
        page.get_by_role("button", name="Complete authentication").click()
        expect(page.get_by_text("of credit has arrived.")).to_be_visible(timeout=PAGE_MS)
        assert len(_charges(page, "succeeded")) == 2
    assert not _stripe_faults(product)
    assert not _broken_proofs(product)
