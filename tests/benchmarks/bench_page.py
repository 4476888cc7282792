"""Time from asking to the first visible step on the page, over 20 asks, in Chromium against the whole product.

`python -m tests.benchmarks.bench_page` starts a product of its own on a fresh folder and prints JSON:
milliseconds from the click to the first step on the rail ("first_step") and to the finished answer ("answer").
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import CHROMIUM_FLAGS
from tests.e2e.product import product_started

ASKS = 20
STEP = '[data-step]:not([data-step="waiting"])'


def _one_ask(page: Page, number: int) -> tuple[float, float]:
    page.goto("/")
    page.get_by_label("Question", exact=True).fill(f"What is the derivative of x^3 + {number + 2}x?")
    started = time.perf_counter()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector(STEP, state="attached")
    first_step = time.perf_counter() - started
    page.wait_for_selector('ol[aria-busy="false"]')
    return first_step * 1000, (time.perf_counter() - started) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, product_started(Path(folder)) as product, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        page = browser.new_page(base_url=product.url)
        _one_ask(page, ASKS)  # warms the caches of page and server
        times = [_one_ask(page, number) for number in range(ASKS)]
        browser.close()
    first, answer = [t[0] for t in times], [t[1] for t in times]
    report = {
        "benchmark": "page",
        "asks": ASKS,
        "first_step_ms_p50": round(statistics.median(first), 1),
        "first_step_ms_max": round(max(first), 1),
        "answer_ms_p50": round(statistics.median(answer), 1),
        "answer_ms_max": round(max(answer), 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
