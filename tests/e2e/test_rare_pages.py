"""The pages that people see when something went wrong or got lost: nothing too wide, nothing that axe calls serious.

Real answers of a real server; the line is dropped by taking the browser off the network. The pictures
(var/screenshots) are for people.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product
from tests.e2e.test_accessibility import grave_faults

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.extra, pytest.mark.timeout(420)]

PAGE_MS = 30_000
DRAWN_MS = 600
LOOKS = [("light", 1280), ("dark", 390)]
LONG_QUESTION = "Find all integers n from 1 to 60 for which n^2 + 1 is prime, by a program."


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, browser: Browser, product: Product) -> Iterator[tuple[Page, str]]:
    """A page in one look, and what its pictures end with."""
    scheme, width = request.param
    context = browser.new_context(
        base_url=product.url,
        color_scheme=scheme,
        viewport={"width": width, "height": 860},
        bypass_csp=True,  # for axe's own script
    )
    yield context.new_page(), f"{scheme}-{width}"
    context.close()


def _seen(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(DRAWN_MS)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    assert not grave_faults(page), name


def test_a_wrong_password_is_said_beside_the_form(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill("nobody@example.org")
    page.get_by_label("Password", exact=True).fill("not the right one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"sign-in-wrong-{name}")
    page.get_by_label("E-mail").fill("nobody")
    page.get_by_role("button", name="Sign in").click()
    _seen(page, screenshots, f"sign-in-no-address-{name}")


def test_a_taken_password_is_refused_at_sign_up(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill("someone@example.org")
    page.get_by_label("Password", exact=True).fill("password")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert").first).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"sign-up-weak-{name}")


def test_a_forgotten_password_asks_for_the_code_next(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/forgot")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"forgot-{name}")
    page.get_by_label("E-mail").fill("nobody@example.org")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Code")).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"forgot-code-{name}")


def test_what_is_not_there_leads_home(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/nowhere/at/all")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"missing-{name}")
    page.goto("/runs/run_nothere12")
    expect(page.get_by_role("alert").first).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"missing-run-{name}")


def test_a_dropped_line_says_that_it_is_being_taken_up(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/")
    page.get_by_label("Question", exact=True).fill(LONG_QUESTION)
    page.context.set_offline(True)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert").first).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"offline-ask-{name}")
    page.context.set_offline(False)


def test_every_state_of_every_piece(look: tuple[Page, str], screenshots: Path) -> None:
    page, name = look
    page.goto("/dev/components")
    expect(page.get_by_text("Reconnecting", exact=False).first).to_be_visible(timeout=PAGE_MS)
    _seen(page, screenshots, f"components-{name}")
