"""kill -9 of web, worker and PostgreSQL around money: the proof is green within a minute, each request charged once.

The short form runs three points on the product of all browser tests; the rest has a product of its own.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.money_crashes import MoneyStage
from tests.e2e.product import Product, product_started

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(420)]

TEN_DOLLARS = 10_000_000_000
RUN_POINTS = [
    "run.hold_placed",
    "run.committed",
    "run.node_accepted",
    "run.final_read",
    "run.settle_before",
    "run.settle_after",
]


@pytest.fixture
def stage(product: Product) -> Iterator[MoneyStage]:
    product.wait_until_answering()
    yield MoneyStage(product)
    product.wait_until_answering()


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoneyStage]:
    with product_started(tmp_path_factory.mktemp("crashes")) as product:
        product.wait_until_answering()
        yield MoneyStage(product)


def asked_through(stage: MoneyStage, point: str, action: str = "kill9") -> None:
    with stage.charged_once():
        stage.arm(point, action)
        assert stage.ask()["status"] == "finished"
        stage.settled(point)


# --- In `make test`


@pytest.mark.parametrize(
    ("point", "action"),
    [("run.committed", "kill9"), ("run.settle_after", "kill9_postgres"), ("run.settle_committed", "kill9")],
)
def test_a_crash_around_a_runs_money_charges_it_once(stage: MoneyStage, point: str, action: str) -> None:
    asked_through(stage, point, action)


# --- The rest


@pytest.mark.extra
@pytest.mark.parametrize("action", ["kill9", "kill9_postgres"])
@pytest.mark.parametrize(
    "point",
    [
        "run.hold_placed",
        "run.committed",
        "run.node_accepted",
        "run.final_read",
        "run.settle_before",
        "run.settle_after",
    ],
)
def test_every_crash_around_a_runs_money_charges_it_once(own_stage: MoneyStage, point: str, action: str) -> None:
    asked_through(own_stage, point, action)


@pytest.mark.extra
@pytest.mark.parametrize("point", ["run.final_read", "run.settle_before", "run.settle_after", "run.settle_committed"])
def test_whoever_takes_over_may_die_too(own_stage: MoneyStage, point: str) -> None:
    with own_stage.charged_once():
        own_stage.arm("run.node_accepted")  # the web server dies there; the sweep takes the run
        own_stage.product.arm(point)
        own_stage.ask()
        own_stage.settled(point)


@pytest.mark.extra
def test_a_grant_is_given_once(own_stage: MoneyStage) -> None:
    account_id = own_stage.read("/api/me")["account"]["id"]
    had = own_stage.balance()
    own_stage.arm("credit.granted")
    body = {"id": "grant_crash0001", "amount_nano_usd": TEN_DOLLARS, "reason": "a crash test"}
    own_stage.persist("POST", f"/api/console/customers/{account_id}/grants", json=body)
    own_stage.settled("credit.granted")
    assert own_stage.balance() == had + TEN_DOLLARS
    found = own_stage.read("/api/console/audit?q=grant_crash0001")["results"]
    assert [entry["action"] for entry in found] == ["credit.grant"]


@pytest.mark.extra
def test_an_alert_is_marked_again_after_a_crash_between_mail_and_mark(own_stage: MoneyStage) -> None:
    spent = own_stage.read("/api/spend-cap")["spent_nano_usd"]
    own_stage.arm("alert.mailed")
    own_stage.http.put("/api/spend-cap", json={"monthly_cap_nano_usd": spent * 2})
    own_stage.settled("alert.mailed")
    mails = own_stage.product.data / "mail"

    def alerts() -> list[str]:
        texts = [path.read_text() for path in mails.glob("*.eml")]
        return [line for text in texts for line in text.splitlines() if line.startswith("Message-ID: <spend-alert-")]

    own_stage.until("the mail is sent again", lambda: len(alerts()) >= 2)
    assert len(set(alerts())) == 1  # a mailbox shows it once
    own_stage.http.put("/api/spend-cap", json={"monthly_cap_nano_usd": None})


# --- Payments


@pytest.mark.extra
@pytest.mark.parametrize("action", ["kill9", "kill9_postgres"])
def test_a_checkout_whose_page_was_made_unheard_is_paid_once(own_stage: MoneyStage, action: str) -> None:
    had = own_stage.balance()
    own_stage.arm("checkout.made", action)
    own_stage.checkout_pay(own_stage.checkout_begin())
    own_stage.until("the credit is there", lambda: own_stage.balance() == had + TEN_DOLLARS)
    own_stage.settled("checkout.made")
    assert own_stage.balance() == had + TEN_DOLLARS


@pytest.mark.extra
@pytest.mark.parametrize("action", ["kill9", "kill9_postgres"])
@pytest.mark.parametrize("point", ["webhook.stored", "webhook.committed"])
def test_a_webhook_whose_taker_dies_is_booked_once(own_stage: MoneyStage, point: str, action: str) -> None:
    had = own_stage.balance()
    payment = own_stage.checkout_begin()
    own_stage.arm(point, action)
    own_stage.checkout_pay(payment)
    own_stage.until("the credit is there", lambda: own_stage.balance() == had + TEN_DOLLARS)
    own_stage.settled(point)
    assert own_stage.balance() == had + TEN_DOLLARS
    (line,) = [p for p in own_stage.read("/api/billing/payments") if p["id"] == payment["id"]]
    assert line["status"] == "succeeded"


@pytest.mark.extra
@pytest.mark.parametrize("action", ["kill9", "kill9_postgres"])
def test_a_refund_sent_unheard_is_paid_back_once(own_stage: MoneyStage, action: str) -> None:
    had = own_stage.balance()
    payment = own_stage.checkout_begin()
    own_stage.checkout_pay(payment)
    own_stage.until("the credit is there", lambda: own_stage.balance() == had + TEN_DOLLARS)
    num_refunds = len(own_stage.stripe("GET", "objects/refund"))
    own_stage.arm("refund.sent", action)
    body = {"amount_cents": 400, "reason": "requested_by_customer"}
    own_stage.persist("POST", f"/api/billing/payments/{payment['id']}/refund", json=body)
    own_stage.settled("refund.sent")
    own_stage.until("the refund is booked", lambda: own_stage.balance() == had + 6_000_000_000)
    assert len(own_stage.stripe("GET", "objects/refund")) == num_refunds + 1


@pytest.mark.extra
def test_an_automatic_top_up_sent_unheard_charges_once(own_stage: MoneyStage) -> None:
    own_stage.checkout_pay(own_stage.checkout_begin(keep_card=True))
    own_stage.until("the card is kept", lambda: own_stage.read("/api/billing")["card"] is not None)
    num_intents = len(own_stage.stripe("GET", "objects/payment_intent"))
    had = own_stage.balance()
    threshold = had // 10_000_000 + 100
    own_stage.arm("auto_top_up.sent")
    body = {"is_enabled": True, "threshold_cents": threshold, "target_cents": threshold + 1_000}
    own_stage.http.put("/api/billing/auto-top-up", json={**body, "monthly_ceiling_cents": 100_000})
    own_stage.until("the charge was sent", lambda: own_stage.product.has_fired("auto_top_up.sent"))
    own_stage.until("the credit is there", lambda: own_stage.balance() > had)
    own_stage.settled("auto_top_up.sent")
    assert len(own_stage.stripe("GET", "objects/payment_intent")) == num_intents + 1
    own_stage.http.put("/api/billing/auto-top-up", json={**body, "is_enabled": False, "monthly_ceiling_cents": 100_000})


@pytest.mark.extra
def test_a_reconciliation_that_dies_is_done_again(own_stage: MoneyStage) -> None:
    own_stage.product.arm("reconcile.copied")
    reconcile = "from backend.billing.reconcile import reconcile; reconcile()"
    assert own_stage.beside(reconcile) == -9
    assert own_stage.beside(reconcile) == 0
    own_stage.settled("reconcile.copied")


@pytest.mark.extra
def test_metered_usage_sent_unheard_is_counted_once(own_stage: MoneyStage) -> None:
    own_stage.checkout_begin()  # makes the customer at Stripe
    given = (
        "from django.utils import timezone; from backend.accounts.models import Account;"
        " from backend.billing.models import MeterEvent; from backend.billing.metered import outbox_send_account;"
        " now = timezone.now(); account = Account.objects.get(is_local=True);"
    )
    row = "identifier='usage:crash', account=account, hour=now, units=7, told_at=now"
    send = "outbox_send_account(account.id, now=timezone.now())"
    assert own_stage.beside("from backend.billing.stripe_client import meter_id; meter_id()") == 0
    own_stage.product.arm("outbox.sent")
    assert own_stage.beside(f"{given} MeterEvent.objects.create({row}); {send}") == -9
    assert own_stage.beside(f"{given} {send}") == 0
    own_stage.settled("outbox.sent")
    told = [e for e in own_stage.stripe("GET", "objects/billing.meter_event") if e["identifier"] == "usage:crash"]
    assert len(told) == 1
    assert own_stage.beside(f"{given} assert MeterEvent.objects.get(identifier='usage:crash').status == 'sent'") == 0
