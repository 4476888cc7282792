"""How a crash test speaks to the product's money: requests that are repeated until answered, and what must hold after.

A request carries its key, so that repeating it after a crash is harmless: that is what is proved here. `settled` is
the end of every case: the money proof is green, nothing is held, and what was charged is what was used, once.
"""

import contextlib
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.e2e.product import ROOT, Product

PRICE_NANO_USD = 3_000
# From the crash on, restart and recovery of the database included.
GREEN_SECONDS = 60.0
# The supervisor stops everything after six deaths of one child within two minutes: the tests die more slowly.
DEATHS_MAX = 4
DEATHS_WINDOW_SECONDS = 125.0

QUESTION = "What is the derivative of x^3 + 2x?"


class MoneyStage:
    """A product, spoken to as its operator and its customer; remembers its deaths."""

    def __init__(self, product: Product) -> None:
        self.product = product
        headers = {"authorization": f"Bearer {product.first_run['operator_key']}"}
        self.http = httpx.Client(base_url=product.url, headers=headers, timeout=30, trust_env=False)
        self._deaths: list[float] = []

    def arm(self, point: str, action: str = "kill9") -> None:
        """Arms a point, after a pause where the last deaths were too many."""
        self._deaths = [at for at in self._deaths if at > time.monotonic() - DEATHS_WINDOW_SECONDS]
        if len(self._deaths) >= DEATHS_MAX:
            time.sleep(self._deaths[0] + DEATHS_WINDOW_SECONDS - time.monotonic())
        self._deaths.append(time.monotonic())
        self.product.arm(point, action)

    def persist(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """The request, repeated with its key until it is answered. Raises AssertionError on a refusal."""
        deadline = time.monotonic() + GREEN_SECONDS
        headers = {"idempotency-key": secrets.token_hex(12)}
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.request(method, path, headers=headers, **given)
                assert answer.status_code < 400 or answer.status_code >= 500, answer.text
                if answer.status_code < 400:
                    found: dict[str, Any] = answer.json()
                    return found
            assert time.monotonic() < deadline, f"{method} {path} was not answered in {GREEN_SECONDS} s"
            time.sleep(0.3)

    def read(self, path: str) -> Any:
        return self.persist("GET", path)

    def until(self, what: str, is_so: Any, seconds: float = GREEN_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.3)

    def balance(self) -> int:
        return int(self.read("/api/me")["balance_nano_usd"])

    def runs(self) -> dict[str, dict[str, Any]]:
        return {row["run_id"]: row for row in self.read("/api/usage/runs?limit=100")["results"]}

    def settled(self, point: str) -> None:
        """The point fired, and within GREEN_SECONDS the proof is green with nothing held."""
        self.until(f"{point} fired", lambda: self.product.has_fired(point))
        self.until(f"the proof is green after {point}", self._is_green)

    def _is_green(self) -> bool:
        lines = {line["name"]: line for line in self.read("/api/console/proof")["lines"]}
        assert all(line["wall_ms"] >= 0 for line in lines.values())
        is_sound = all(lines[name]["state"] == "holds" for name in ("entries", "holds", "usage"))
        return is_sound and lines["cash"]["state"] != "broken" and lines["holds"]["num_covered"] == 0

    @contextlib.contextmanager
    def charged_once(self) -> Iterator[None]:
        """What is asked inside makes exactly one run, charged its tokens once and nothing else."""
        before, had = set(self.runs()), self.balance()
        yield
        new = [row for run_id, row in self.runs().items() if run_id not in before]
        assert len(new) == 1, new
        tokens = new[0]["prompt_tokens"] + new[0]["completion_tokens"]
        assert new[0]["is_billable"], new
        assert new[0]["cost_nano_usd"] == tokens * PRICE_NANO_USD > 0
        assert had - self.balance() == new[0]["cost_nano_usd"]

    def ask(self) -> dict[str, Any]:
        return self.persist("POST", "/v1/reason", json={"question": QUESTION})

    # --- Stripe's side

    def stripe(self, method: str, path: str, **given: Any) -> Any:
        """The far end's control, as no customer of Stripe has it."""
        env = self.product.env
        headers = {"authorization": f"Bearer {env['STRIPE_API_KEY']}"}
        with httpx.Client(base_url=env["STRIPE_API_BASE"], headers=headers, timeout=20, trust_env=False) as client:
            answer = client.request(method, f"/_control/{path}", json=given or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def checkout_begin(self, cents: int = 1_000, *, keep_card: bool = False) -> dict[str, Any]:
        return self.persist("POST", "/api/billing/top-ups", json={"amount_cents": cents, "keep_card": keep_card})

    def checkout_pay(self, payment: dict[str, Any]) -> None:
        session_id = payment["url"].rstrip("/").rsplit("/", 1)[-1]
        self.stripe("POST", f"checkout/{session_id}/pay", number="4242424242424242")

    def beside(self, code: str) -> int:
        """Runs code of the product in a process of its own, as the worker would; its exit status."""
        script = f"import django; django.setup(); {code}"
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=self.product.env, capture_output=True, timeout=60
        )
        return done.returncode
