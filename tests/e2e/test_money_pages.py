"""The pages of money in Chromium: a cap set and shown, a statement that adds up, a grant that the audit log has, the
proof; axe-core on each."""

import re

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.e2e.product import Product
from tests.e2e.test_accessibility import LISTS_LOADED_MS, grave_faults

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(420)]

PAGES = ["/usage", "/statement", "/admin/customers", "/admin/prices", "/admin/proof", "/admin/audit", "/admin/status"]


def page_of(browser: Browser, product: Product, state: StorageState, **looks: object) -> Page:
    context = browser.new_context(base_url=product.url, storage_state=state, **looks)  # type: ignore[arg-type]
    return context.new_page()


def test_a_cap_is_set_shown_and_taken_away(browser: Browser, product: Product, operator_state: StorageState) -> None:
    page = page_of(browser, product, operator_state)
    page.goto("/usage")
    page.get_by_role("button", name="Set a cap").click()
    page.get_by_label("Dollars a month").fill("7.50")
    page.get_by_role("button", name="Save the cap").click()
    expect(page.get_by_role("meter", name="Monthly cap")).to_have_attribute(
        "aria-valuetext", re.compile(r"of \$7\.50 this month")
    )
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("button", name="Remove the cap").click()
    expect(page.get_by_text("No cap: spending ends where the balance does.")).to_be_visible()
    page.context.close()


def test_a_grant_stands_on_statement_audit_log_and_proof(
    browser: Browser, product: Product, operator_state: StorageState
) -> None:
    page = page_of(browser, product, operator_state)
    page.goto("/admin/customers")
    page.get_by_role("link", name="This machine").click()
    page.get_by_role("button", name="Give credit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Dollars").fill("1.25")
    dialog.get_by_label("Reason").fill("for the pages' test")
    dialog.get_by_role("button", name="Give credit").click()
    expect(page.get_by_text("for the pages' test")).to_be_visible()
    page.goto("/admin/audit?q=for+the+pages")
    expect(page.get_by_role("row").filter(has_text="credit.grant").first).to_contain_text("amount: $1.25")
    page.goto("/statement?period=all")
    newest = page.locator("tr[data-transaction]").first
    expect(newest).to_contain_text("+$1.25")
    amounts = [int(cell.get_attribute("data-nano-usd") or 0) for cell in newest.locator("[data-nano-usd]").all()]
    assert amounts[0] == 1_250_000_000
    page.goto("/admin/proof")
    for name in ("entries", "holds", "usage"):
        expect(page.locator(f"[data-proof={name}]")).to_have_attribute("data-state", "holds", timeout=30_000)
    page.context.close()


def _no_faults(browser: Browser, product: Product, state: StorageState, scheme: str, width: int) -> None:
    looks = {"color_scheme": scheme, "viewport": {"width": width, "height": 860}, "bypass_csp": True}
    page = page_of(browser, product, state, **looks)
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(LISTS_LOADED_MS)
        assert not grave_faults(page), path
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    page.context.close()


def test_no_page_of_money_has_a_serious_fault(browser: Browser, product: Product, operator_state: StorageState) -> None:
    _no_faults(browser, product, operator_state, "dark", 390)


@pytest.mark.extra
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_nor_in_other_lights_and_widths(
    browser: Browser, product: Product, operator_state: StorageState, scheme: str, width: int
) -> None:
    _no_faults(browser, product, operator_state, scheme, width)
