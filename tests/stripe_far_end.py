"""The far end of Stripe as a process of its own, for a test; at its end all that was said is held to the schema."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend.local import services
from tests.contracts.stripe_contract import event_faults, faults_of

START_TIMEOUT_SECONDS = 30
SECRET_KEY = "sk_test_only_for_tests"
WEBHOOK_SECRET = "whsec_only_for_tests"


@dataclass
class FarEnd:
    """A running far end. `control` is its /_control; everything else goes by the product's client, or a browser."""

    url: str
    process: subprocess.Popen[bytes]
    secret_key: str = SECRET_KEY
    webhook_secret: str = WEBHOOK_SECRET

    def control(self, method: str, path: str, /, **given: Any) -> Any:
        """Raises AssertionError with the far end's words when it refuses."""
        headers = {"authorization": f"Bearer {self.secret_key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False) as client:
            answer = client.request(method, f"/_control/{path}", json=given or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def faults(self) -> list[str]:
        """What of all requests, answers and events so far differs from Stripe's schema."""
        exchanges = self.control("GET", "exchanges")
        events = self.control("GET", "objects/event")
        return [
            *(fault for exchange in exchanges for fault in faults_of(exchange)),
            *(fault for event in events for fault in event_faults(event)),
        ]

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """How each event's delivery stands, the oldest first."""
        return [row for row in self.control("GET", "webhooks") if not kind or row["type"] == kind]

    def wait_delivered(self, timeout_seconds: float = 20) -> None:
        """Until nothing waits for delivery."""
        deadline = time.monotonic() + timeout_seconds
        while any(row["state"] == "waiting" for row in self.events()):
            assert time.monotonic() < deadline, self.events()
            time.sleep(0.05)


@contextlib.contextmanager
def far_end_started(*, webhook_url: str, state: Path | None = None, is_checked: bool = True) -> Iterator[FarEnd]:
    """Starts it and stops it; `is_checked`: in between nothing may differ from the schema."""
    port = services.port_free()
    command = [sys.executable, "-m", "backend.billing.stripe_fake", "--port", str(port), "--webhook-url", webhook_url]
    command += ["--state", str(state)] if state else []
    env = {**os.environ, "STRIPE_API_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        far_end = FarEnd(f"http://127.0.0.1:{port}", process)
        try:
            _wait(far_end, process)
            yield far_end
            if is_checked:
                assert not (found := far_end.faults()), "\n".join(found[:20])
            log.seek(0)
            assert b"Traceback" not in (said := log.read()), said.decode(errors="replace")[-3000:]
        finally:
            process.terminate()
            process.wait(10)


def _wait(far_end: FarEnd, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    port = int(far_end.url.rpartition(":")[2])
    while not services.is_accepting(port):
        assert process.poll() is None, "the far end of Stripe did not start"
        assert time.monotonic() < deadline, "the far end of Stripe did not start in time"
        time.sleep(0.02)
