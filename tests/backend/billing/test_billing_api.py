"""/api/billing as the page uses it: who may, what it shows, and that a repeat moves no money twice."""

from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import Account, User
from backend.accounts.services import account_create, api_key_create
from backend.billing import pay_as_you_go
from backend.billing.models import Payment
from backend.metering.services import DEFAULT_PRICE, TRIAL_GRANT_NANO_USD, price_set
from tests.backend.billing.conftest import Far, deliver_all, topped_up
from tests.backend.conftest import PRICE

pytestmark = pytest.mark.django_db

CENT = 10_000_000


@pytest.fixture
def browser(alice: User, account: Account) -> Client:
    price_set(model=DEFAULT_PRICE, nano_usd_per_token=PRICE)
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def send(client: Client, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    call = getattr(client, method)
    return call(f"/api/billing{path}", body, content_type="application/json", headers=headers)


def test_a_top_up_from_the_first_look_to_the_new_balance(far: Far, browser: Client) -> None:
    before = browser.get("/api/billing").json()
    assert before["balance_nano_usd"] == TRIAL_GRANT_NANO_USD
    assert (before["card"], before["banner"], before["is_configured"]) == (None, None, True)
    assert before["price_nano_usd_per_token"] == PRICE
    wish = {"amount_cents": 1_000, "keep_card": True}
    started, again = (send(browser, "post", "/top-ups", wish, key="wish 1") for _ in range(2))
    assert (started.status_code, started.json()) == (201, again.json())
    payment = Payment.objects.get()
    assert started.json()["url"] == payment.checkout_url
    far.pay(payment)
    refreshed = send(browser, "post", f"/payments/{payment.id}/refresh").json()
    assert refreshed["status"] == "succeeded"
    after = browser.get("/api/billing").json()
    assert after["balance_nano_usd"] == TRIAL_GRANT_NANO_USD + 1_000 * CENT
    assert after["card"]["last4"] == "4242"
    assert after["refundable_nano_usd"] == 1_000 * CENT
    assert [p["id"] for p in browser.get("/api/billing/payments").json()] == [payment.id]


def test_moving_money_needs_an_idempotency_key(far: Far, browser: Client) -> None:
    answer = send(browser, "post", "/top-ups", {"amount_cents": 1_000})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "idempotency_key_missing"


@pytest.mark.parametrize("amount", [0, 499, 100_001, "1e9", 10.5, None])
def test_an_amount_that_is_none_is_refused(far: Far, browser: Client, amount: object) -> None:
    answer = send(browser, "post", "/top-ups", {"amount_cents": amount}, key="k")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "amount_cents"


def test_auto_top_up_is_set_and_shown(far: Far, browser: Client, account: Account) -> None:
    wish = {"is_enabled": True, "threshold_cents": 500, "target_cents": 2_000, "monthly_ceiling_cents": 5_000}
    refused = send(browser, "put", "/auto-top-up", wish)
    assert refused.json()["error"]["code"] == "no_saved_card"
    topped_up(far, account, keep_card=True)
    shown = send(browser, "put", "/auto-top-up", wish).json()
    assert {name: shown[name] for name in wish} == wish
    assert browser.get("/api/billing").json()["auto_top_up"] == shown


def test_a_refund_is_asked_for_once(far: Far, browser: Client, account: Account) -> None:
    payment = topped_up(far, account)
    path, wish = f"/payments/{payment.id}/refund", {"amount_cents": 400}
    first, again = (send(browser, "post", path, wish, key="back") for _ in range(2))
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    assert browser.get(f"/api/billing/payments/{payment.id}").json()["refunds"][0]["amount_cents"] == 400
    assert send(browser, "post", path, {"amount_cents": 601}, key="more").status_code == 409


def test_the_portal_is_stripes_own_page(far: Far, browser: Client) -> None:
    url = send(browser, "post", "/portal").json()["url"]
    assert url.startswith(far.end.url)


def test_pay_as_you_go_begins_by_invitation(far: Far, browser: Client, account: Account) -> None:
    assert send(browser, "post", "/pay-as-you-go").status_code == 404
    pay_as_you_go.invite(account_id=account.id, credit_limit_nano_usd=10**10, actor="olga", reason="asked")
    topped_up(far, account, keep_card=True)
    assert send(browser, "post", "/pay-as-you-go").json() == {"status": "active", "credit_limit_nano_usd": 10**10}
    assert browser.get("/api/billing").json()["credit_limit_nano_usd"] == 10**10
    assert send(browser, "delete", "/pay-as-you-go").json()["status"] == "ended"
    deliver_all(far)


def test_a_programs_key_cannot_touch_billing(far: Far, browser: Client, account: Account) -> None:
    _, raw = api_key_create(account_id=account.id, name="program", scopes=["inference", "usage"])
    client = Client(headers={"authorization": f"Bearer {raw}"})
    for method, path in (("get", ""), ("post", "/top-ups"), ("post", "/portal"), ("put", "/auto-top-up")):
        assert send(client, method, path).status_code == 403
    assert not Payment.objects.exists()


def test_somebody_elses_payment_is_not_found(far: Far, browser: Client) -> None:
    other = account_create(name="other", owner=None)
    payment = Payment.objects.create(account=other, kind="checkout", amount_cents=500, idempotency_key="theirs")
    for action in ("refresh", "action", "refund"):
        wish = {"amount_cents": 100}
        assert send(browser, "post", f"/payments/{payment.id}/{action}", wish, key="k").status_code == 404


def test_when_stripe_does_not_answer_the_page_says_what_to_do(far: Far, browser: Client) -> None:
    far.control("POST", "faults", mode="outage", path="/v1/")
    answer = send(browser, "post", "/top-ups", {"amount_cents": 1_000}, key="k")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "Nothing is lost" in answer.json()["error"]["message"]


def test_without_stripe_the_page_still_opens(browser: Client) -> None:
    assert browser.get("/api/billing").json()["is_configured"] is False
    answer = send(browser, "post", "/top-ups", {"amount_cents": 1_000}, key="k")
    assert answer.json()["error"]["code"] == "no_payments"
