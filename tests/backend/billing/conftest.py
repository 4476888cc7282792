"""The cast of billing's tests: one far end of Stripe for a module, whose webhooks wait until a test delivers them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx
import pytest
from django.http import HttpResponse
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


@lru_cache(maxsize=1)
def _http(url: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {SECRET_KEY}"}
    return httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)


@dataclass
class Far:
    """The far end, and what of its news was delivered already."""

    end: FarEnd
    seen: set[str] = field(default_factory=set)

    def control(self, method: str, path: str, /, **given: Any) -> Any:
        """The far end's /_control, by one client that lives as long as the file's tests: making one is slow."""
        answer = _http(self.end.url).request(method, f"/_control/{path}", json=given or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def news(self) -> list[dict[str, Any]]:
        """Events since the last call, the oldest first."""
        events: list[dict[str, Any]] = self.control("GET", "objects/event")
        fresh = [event for event in events if event["id"] not in self.seen]
        self.seen |= {event["id"] for event in events}
        return fresh

    def method_attach(self, customer_id: str, name: str) -> str:
        """Gives a customer a card by its test name, as the portal would; the id of the payment method."""
        return str(self._post(f"/v1/payment_methods/{name}/attach", customer=customer_id).json()["id"])

    def method_detach(self, method_id: str) -> None:
        self._post(f"/v1/payment_methods/{method_id}/detach")

    def default_method(self, customer_id: str, method_id: str) -> None:
        """What the portal does when another card is chosen."""
        self._post(f"/v1/customers/{customer_id}", **{"invoice_settings[default_payment_method]": method_id})

    def subscription_method(self, subscription_id: str, method_id: str) -> None:
        self._post(f"/v1/subscriptions/{subscription_id}", default_payment_method=method_id)

    def invoice_pay(self, invoice_id: str, name: str) -> None:
        self._post(f"/v1/invoices/{invoice_id}/pay", payment_method=name)

    def refund(self, intent_id: str, cents: int) -> None:
        """A refund made in Stripe's dashboard."""
        self._post("/v1/refunds", payment_intent=intent_id, amount=str(cents))

    def authenticate(self, url: str, *, is_passed: bool = True) -> None:
        """What somebody answers on the page of their bank."""
        self._post(url.removeprefix(self.end.url), answer="complete" if is_passed else "fail")

    def _post(self, path: str, **form: str) -> httpx.Response:
        answer = _http(self.end.url).post(path, data=form)
        assert answer.status_code < 400, answer.text
        return answer

    def pay(self, payment: Payment, number: str = VISA) -> None:
        self.control("POST", f"checkout/{payment.checkout_session_id}/pay", number=number)


def signed(event: dict[str, Any], *, secret: str = WEBHOOK_SECRET, signed_at: int | None = None) -> tuple[bytes, str]:
    body = json.dumps(event, indent=2).encode()
    return body, signature(body, [secret], int(time.time()) if signed_at is None else signed_at)


def post(body: bytes, header: str) -> HttpResponse:
    return Client().post("/stripe/webhook", body, content_type="application/json", headers={"stripe-signature": header})


def deliver(event: dict[str, Any]) -> str:
    """One delivery by the product's own route; gives back the outcome it answers."""
    answer = post(*signed(event))
    assert answer.status_code == 200, answer.content
    return str(json.loads(answer.content)["outcome"])


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
