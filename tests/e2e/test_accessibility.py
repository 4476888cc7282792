"""axe-core on every page, in both themes: nothing serious. A run with its trace is among the pages."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(420)]

AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [
    "/",
    "/history",
    "/keys",
    "/usage",
    "/billing",
    "/models",
    "/tools",
    "/sign-in",
    "/sign-up",
    "/forgot",
    "/dev/components",
]
OPERATORS_PAGES = [
    "/admin/jobs",
    "/admin/jobs/new",
    "/admin/jobs/new?kind=evaluate",
    "/admin/models",
    "/admin/compare",
    "/admin/promote",
    "/admin/nodes",
]
GRAVE = {"serious", "critical"}
ANSWER_MS = 30_000
LISTS_LOADED_MS = 1_500


def grave_faults(page: Page) -> list[Any]:
    page.add_script_tag(path=AXE)
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [(fault["id"], [node["html"] for node in fault["nodes"][:3]]) for fault in found if fault["impact"] in GRAVE]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_has_a_serious_fault(browser: Browser, product: Product, scheme: str, width: int) -> None:
    context = browser.new_context(
        base_url=product.url,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 860},
        bypass_csp=True,  # for axe's own script; the product's policy stands in every other test
    )
    page = context.new_page()
    for path in PAGES:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert not grave_faults(page), path
    page.goto("/")
    page.get_by_role("button", name="Search: off").click()
    page.get_by_text("Majority", exact=True).click()
    assert not grave_faults(page)
    page.get_by_label("Answers").fill("3")
    page.get_by_label("Question", exact=True).fill("What is the derivative of x^3 + 2x?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_label("Reasoning, step by step")).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    assert not grave_faults(page)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_of_the_operators_has_a_serious_fault(
    browser: Browser, product: Product, operator_state: StorageState, scheme: str, width: int
) -> None:
    context = browser.new_context(
        base_url=product.url,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 860},
        storage_state=operator_state,
        bypass_csp=True,
    )
    page = context.new_page()
    for path in OPERATORS_PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(LISTS_LOADED_MS)  # live pages are never idle: they hold a socket and read again
        expect(page.get_by_role("heading", name="For the operator")).to_have_count(0)
        assert not grave_faults(page), path
    context.close()
