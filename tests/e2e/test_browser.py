"""The pages in a real Chromium against the real product: sign up, ask, watch, reload, drop the line, and look."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product, assert_whole
from tests.e2e.visitor import ANSWER_MS, DERIVATIVE, ask, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(180)]

PAGES = {
    "ask": "/",
    "history": "/history",
    "keys": "/keys",
    "usage": "/usage",
    "billing": "/billing",
    "models": "/models",
    "tools": "/tools",
}


def _run_id(page: Page) -> str:
    """The conversation's newest run, by the page's own API and session."""
    conversation = re.search(r"/c/([^/?#]+)", page.url)
    assert conversation, page.url
    found: Any = page.request.get(f"/api/conversations/{conversation[1]}").json()
    return str(found["runs"][-1]["id"])


def test_a_newcomer_signs_up_asks_and_sees_how(page: Page, product: Product) -> None:
    sign_up(page, product, "newcomer@example.com")
    ask(page, DERIVATIVE)
    rail = page.get_by_label("Reasoning, step by step")
    expect(rail.get_by_text("Computed with SymPy")).to_be_visible(timeout=ANSWER_MS)
    expect(rail.get_by_text("3*x**2 + 2", exact=True).first).to_be_visible()
    expect(rail).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    answer = page.get_by_role("main").inner_text()
    assert "3" in answer
    me = page.request.get("/api/me").json()
    assert 0 < me["balance_nano_usd"] < 1_000_000_000  # a dollar of trial, less this run


def test_a_reload_in_mid_run_shows_the_whole_trace(page: Page, product: Product) -> None:
    page.goto("/")
    ask(page, "Is the number 1729 a sum of two cubes in two different ways?")
    page.wait_for_url("**/c/**")
    page.reload()
    rail = page.get_by_label("Reasoning, step by step")
    expect(rail).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    expect(rail.get_by_text("Ran Python")).to_be_visible()
    assert_whole(product.frames(_run_id(page)))


def test_a_dropped_line_in_mid_run_resumes(browser: Browser, product: Product) -> None:
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    dropped = []

    def drop_first(socket: Any) -> None:
        server = socket.connect_to_server()
        if not dropped:
            dropped.append(True)
            server.on_message(lambda message: socket.close(code=1001))  # the first frame never arrives

    page.route_web_socket(re.compile(r"/ws/runs/"), drop_first)
    page.goto("/")
    ask(page, DERIVATIVE)
    rail = page.get_by_label("Reasoning, step by step")
    expect(rail).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    expect(rail.get_by_text("Computed with SymPy")).to_be_visible()
    assert dropped
    context.close()


def test_a_key_is_shown_once_and_works(page: Page, product: Product) -> None:
    page.goto("/keys")
    page.get_by_role("button", name="Create a key").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("notebook")
    dialog.get_by_role("button", name="Create a key").click()
    expect(dialog.get_by_text(re.compile(r"sk-svend-\w{20,}")).first).to_be_visible()  # the key, and a call with it
    key = re.search(r"sk-svend-\w+", dialog.inner_text())
    assert key
    answer = product.http.get("/v1/models", headers={"Authorization": f"Bearer {key[0]}"})
    assert answer.status_code == 200
    page.reload()
    assert key[0] not in page.content()


def test_a_tool_can_be_tried_and_a_field_stays_where_it_is_typed_in(page: Page) -> None:
    page.goto("/tools")
    form = page.get_by_role("form", name="Try symbolic_math")
    form.get_by_text("more parameters").click()
    order = form.get_by_label("order", exact=True)
    order.press_sequentially("2")
    expect(order).to_be_focused()
    form.get_by_role("button", name="Try it").click()
    section = page.get_by_role("region", name="symbolic_math")
    expect(section.get_by_text("6*x", exact=True)).to_be_visible(timeout=ANSWER_MS)
    expect(section.get_by_text("in the fence")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_and_has_its_picture(
    browser: Browser, product: Product, screenshots: Path, scheme: str, width: int
) -> None:
    """Nothing is wider than the screen; the pictures are for people (var/screenshots)."""
    context = browser.new_context(base_url=product.url, color_scheme=scheme, viewport={"width": width, "height": 860})  # type: ignore[arg-type]
    page = context.new_page()
    for name, path in {**PAGES, "sign-up": "/sign-up", "sign-in": "/sign-in"}.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=screenshots / f"{name}-{scheme}-{width}.png")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} at {width} px is {wide} px too wide"
    page.goto("/")
    ask(page, DERIVATIVE)
    expect(page.get_by_label("Reasoning, step by step")).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    page.screenshot(path=screenshots / f"run-{scheme}-{width}.png")
    context.close()


def test_a_search_shows_its_tree_and_the_keyboard_walks_it(page: Page) -> None:
    """A beam asked for in the prompt box: every branch in the list, the kept one in the trace, also after a reload."""
    page.goto("/")
    page.get_by_role("button", name="Search: off").click()
    page.get_by_text("Beam", exact=True).click()
    page.get_by_label("Branches kept").fill("2")
    page.get_by_label("Steps", exact=True).fill("2")
    expect(page.get_by_role("button", name="Search: Beam 2 × 2")).to_be_visible()  # noqa: RUF001 - the page's sign
    ask(page, DERIVATIVE)
    expect(page.get_by_label("Reasoning, step by step")).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    tree = page.get_by_role("tree", name="Branches of the search")
    rows = tree.get_by_role("treeitem")
    events = [frame["event"] for frame in page.request.get(f"/api/runs/{_run_id(page)}/events").json()["frames"]]
    opened = {event["branch_id"] for event in events if event["type"] == "branch.open"}
    assert len(opened) > 2, "the run did not branch"
    expect(rows).to_have_count(len(opened))
    expect(tree.get_by_text(re.compile("^kept, "))).to_have_count(1)
    page.get_by_role("main").focus()
    page.keyboard.press("t")
    page.keyboard.press("Home")
    expect(rows.first).to_be_focused()
    page.keyboard.press("End")
    expect(rows.last).to_be_focused()
    expect(rows.last).to_have_attribute("aria-selected", "true")
    shown = rows.last.get_attribute("data-branch")
    page.wait_for_url(f"**/c/**branch={shown}*")
    page.reload()
    expect(page.locator(f"[data-branch='{shown}']")).to_have_attribute("aria-selected", "true", timeout=ANSWER_MS)
    expect(rows).to_have_count(len(opened))


def test_the_keyboard_alone_asks_and_walks_the_steps(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("Question", exact=True)).to_be_visible()  # as a person would wait
    page.keyboard.press("/")
    page.keyboard.type(DERIVATIVE)
    page.keyboard.press("Enter")
    rail = page.get_by_label("Reasoning, step by step")
    expect(rail).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
    page.keyboard.press("]")
    assert page.evaluate("document.activeElement.closest('[data-step]') !== null")
