"""A person at the product's pages: signs up with the code from the mail, asks a question."""

import re
import time

from playwright.sync_api import Page, expect

from tests.e2e.product import Product

DERIVATIVE = "What is the derivative of x^3 + 2x?"
PASSWORD = "a long and quiet word 7"
ANSWER_MS = 30_000


def _code_from_mail(product: Product, address: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for message in sorted((product.data / "mail").glob("*.eml"), reverse=True):
            text = message.read_text()
            if address in text:
                found = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", text, re.MULTILINE)
                if found:
                    return found[1]
        time.sleep(0.1)
    raise AssertionError(f"no mail with a code for {address}")


def sign_up(page: Page, product: Product, address: str) -> None:
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Code").fill(_code_from_mail(product, address))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_label("Question")).to_be_visible()


def ask(page: Page, question: str) -> None:
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
