"""One product and one Chromium for the whole end-to-end run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.e2e.product import Product, product_started

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product_started(tmp_path_factory.mktemp("svend")) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, product: Product) -> Iterator[Page]:
    """A fresh browser profile on the product; a script error on any page fails the test."""
    context = browser.new_context(base_url=product.url, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, errors


@pytest.fixture(scope="session")
def operator_state(browser: Browser, product: Product) -> StorageState:
    """The cookies of the operator, signed in by the link that `make up` prints. It holds once, so this is done once."""
    context = browser.new_context(base_url=product.url)
    context.new_page().goto(product.admin_link)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where the pages' pictures go: looked at by people, not compared by bytes."""
    folder = Path(__file__).resolve().parents[2] / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
