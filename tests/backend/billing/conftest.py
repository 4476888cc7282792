"""The cast of billing's tests: one far end of Stripe for a module, whose webhooks wait until a test delivers them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import Account
from backend.billing import stripe_client
from backend.billing.checkout import top_up_start
from backend.billing.models import Payment
from backend.billing.stripe_fake.webhooks import signature
from backend.core.ids import random_base62
from tests.stripe_far_end import SECRET_KEY, WEBHOOK_SECRET, FarEnd, far_end_started

NOWHERE = "http://127.0.0.1:9/stripe/webhook"  # events are held; tests deliver them by the product's own route
VISA = "4242424242424242"


@dataclass
class Far:
    """The far end, and what of its news was delivered already."""

    end: FarEnd
    num_seen: int = 0

    def control(self, method: str, path: str, /, **given: Any) -> Any:
        return self.end.control(method, path, **given)

    def news(self) -> list[dict[str, Any]]:
        """Events since the last call, the oldest first."""
        events: list[dict[str, Any]] = self.control("GET", "objects/event")
        fresh, self.num_seen = events[self.num_seen :], len(events)
        return fresh

    def pay(self, payment: Payment, number: str = VISA) -> None:
        self.control("POST", f"checkout/{payment.checkout_session_id}/pay", number=number)


def deliver(
    event: dict[str, Any], *, secret: str = WEBHOOK_SECRET, signed_at: int | None = None, status: int = 200
) -> str:
    """One delivery by the product's own route; gives back the outcome it answers."""
    body = json.dumps(event, indent=2).encode()
    header = signature(body, [secret], int(time.time()) if signed_at is None else signed_at)
    answer = Client().post(
        "/stripe/webhook", body, content_type="application/json", headers={"stripe-signature": header}
    )
    assert answer.status_code == status, answer.content
    return str(answer.json().get("outcome", ""))


def deliver_all(far: Far) -> list[str]:
    return [deliver(event) for event in far.news()]


@pytest.fixture(scope="module")
def far_process() -> Iterator[FarEnd]:
    with far_end_started(webhook_url=NOWHERE) as end:
        end.control("POST", "webhooks", mode="hold")
        yield end


@pytest.fixture
def far(far_process: FarEnd, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    settings.STRIPE_API_KEY = SECRET_KEY
    settings.STRIPE_API_BASE = far_process.url
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    monkeypatch.setattr(stripe_client, "RETRIES_MAX", 0)  # the SDK sleeps between its tries; ours are what is tested
    stripe_client._client.cache_clear()
    far = Far(far_process)
    far.news()
    yield far
    far.control("DELETE", "faults")
    stripe_client._client.cache_clear()


def top_up(account: Account, *, cents: int = 1_000, keep_card: bool = False, key: str = "") -> Payment:
    return top_up_start(
        account_id=account.id, amount_cents=cents, keep_card=keep_card, idempotency_key=key or random_base62(12)
    )


def topped_up(
    far: Far, account: Account, *, cents: int = 1_000, keep_card: bool = False, number: str = VISA
) -> Payment:
    """A top-up that is paid and booked."""
    payment = top_up(account, cents=cents, keep_card=keep_card)
    far.pay(payment, number)
    deliver_all(far)
    payment.refresh_from_db()
    return payment
