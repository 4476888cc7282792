"""Processes killed in mid-run: every run ends in its complete trace, or in one failure that costs nothing.

Kills only children of the product this test started, by pid.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.product import Product, assert_whole

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(400)]

RUNS = 16  # more than are decoded in the first moment, so that some are queued, some running, when the kill comes
SETTLE_TIMEOUT_SECONDS = 90
PRICE_NANO_USD = 3_000
QUESTIONS = [
    "What is the derivative of x^3 + 2x?",
    "Solve 2x + 3 = 11",
    "What is 1234 * 5678?",
    "What is the gcd of 84 and 36?",
]


def _start_runs(product: Product) -> list[str]:
    ids = []
    for number in range(RUNS):
        body = {"question": QUESTIONS[number % len(QUESTIONS)], "background": True, "verify": True}
        answer = product.http.post("/v1/reason", json=body)
        assert answer.status_code in (200, 202), answer.text
        ids.append(answer.json()["id"])
    return ids


def _wait_until_ended(product: Product, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    ended: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    while len(ended) < len(run_ids):
        assert time.monotonic() < deadline, f"{len(run_ids) - len(ended)} of {len(run_ids)} runs never ended"
        for run_id in run_ids:
            if run_id in ended:
                continue
            found = product.http.get(f"/v1/reason/{run_id}").json()
            if found["status"] in ("finished", "failed", "cancelled"):
                ended[run_id] = found
        time.sleep(0.2)
    return ended


def _check(product: Product, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Whole traces; a finished run costs its tokens, a failed one nothing."""
    ended = _wait_until_ended(product, run_ids)
    for run_id, found in ended.items():
        assert_whole(product.frames(run_id))
        charged = product.http.get(f"/v1/usage/{run_id}").json()
        if found["status"] == "failed":
            assert charged["cost_nano_usd"] == 0, found
        else:
            assert charged["cost_nano_usd"] == found["usage"]["total_tokens"] * PRICE_NANO_USD, found
    return ended


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("uvicorn backend.asgi", id="the web server"),
        pytest.param("gpu_node serve", id="the node"),
        pytest.param("valkey-server", id="Valkey"),
        pytest.param("celery -A worker.app worker", id="the worker"),
    ],
)
def test_a_killed_process_loses_no_run_and_no_money(product: Product, pattern: str) -> None:
    run_ids = _start_runs(product)
    time.sleep(0.3)
    product.kill(pattern)
    time.sleep(1.0)
    product.wait_until_answering()
    ended = _check(product, run_ids)
    if "gpu_node" not in pattern:  # a node's death may fail runs honestly; nobody else's may
        assert {found["status"] for found in ended.values()} == {"finished"}


def test_the_product_answers_after_all_that(product: Product) -> None:
    product.wait_until_answering()
    run = product.ask("What is the derivative of x^3 + 2x?")
    assert run["status"] == "finished"


def test_stopping_twice_charges_once(product: Product) -> None:
    answer = product.http.post("/v1/reason", json={"question": QUESTIONS[2], "background": True})
    run_id = answer.json()["id"]
    stop: Callable[[], Any] = lambda: product.http.post(f"/v1/reason/{run_id}/cancel")  # noqa: E731
    stop(), stop()
    found = _wait_until_ended(product, [run_id])[run_id]
    assert found["status"] in ("cancelled", "finished")
    usage = product.http.get(f"/v1/usage/{run_id}").json()
    assert usage["cost_nano_usd"] == found["usage"]["total_tokens"] * PRICE_NANO_USD
