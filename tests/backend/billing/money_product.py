"""The product's ledger and billing behind the same names as the model, on real PostgreSQL.

Stripe's SDK speaks to the far end's own endpoints without a socket between them, so that thousands of steps fit into
minutes; webhooks come through the product's inbox, signed. Everything of ours is real. Not here: what is right.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe
from django.conf import settings
from django.db import connection, transaction

from backend.accounts.services import account_create, api_key_create, api_key_revoke
from backend.billing import webhooks
from backend.billing.auto_settings import settings_write
from backend.billing.auto_top_up import auto_top_up, auto_top_up_sweep
from backend.billing.checkout import top_up_start
from backend.billing.models import Customer, Dispute, Payment, Refund
from backend.billing.pauses import pauses_review
from backend.billing.payments import payments_refresh_due
from backend.billing.refunds import refund_start, refunds_resend_due
from backend.billing.stripe_client import StripeRefused
from backend.billing.stripe_fake import api, checkout, disputes
from backend.billing.stripe_fake.charges import balance_move
from backend.billing.stripe_fake.clock import Clock
from backend.billing.stripe_fake.forms import form_decode
from backend.billing.stripe_fake.payment_methods import method_make
from backend.billing.stripe_fake.world import World
from backend.billing.stripe_objects import event_read
from backend.core.errors import ApplicationError, NotFound
from backend.metering.caps import account_cap_set, key_cap_set
from backend.metering.idempotency import IdempotencyError
from backend.metering.ledger_check import ledger_check
from backend.metering.models import Balance, Hold, KeyMonth, UsageRecord
from backend.metering.payments import Kind, Movement, credit_limit_set, money_in
from backend.metering.services import (
    HOLD_AGE_MAX,
    AccountPaused,
    InsufficientFunds,
    RunIdTaken,
    SpendCapReached,
    UsageCounts,
    credit_grant,
    hold_place,
    holds_sweep,
    price_set,
    run_settle,
)
from tests.backend.billing.conftest import VISA, signed
from tests.backend.conftest import MODEL

CARDS = {"pays": "pm_card_visa", "refuses": "pm_card_chargeCustomerFail"}
PATIENCE_SECONDS = 61  # from one sweep to the next: longer than the product waits before it asks itself
BEGINS_AGO_SECONDS = 3_500  # more than all sweeps of an example take together
BASE_URL = "http://far.invalid"
Told = list[webhooks.Effect]


class Line(stripe.HTTPClient):
    """The SDK's transport: straight into the far end. `is_losing`: the answer of what was done does not come back."""

    name = "straight"

    def __init__(self) -> None:
        super().__init__()
        self.world = World(BASE_URL)
        self.is_losing = False

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        form = form_decode(parse_qsl(parts.query) + parse_qsl(post_data or ""))
        key = (headers or {}).get("Idempotency-Key")
        made = api.answer(self.world, method.upper(), parts.path, form, key)
        if self.is_losing:
            raise stripe.APIConnectionError("the answer is lost", should_retry=False)
        return json.dumps(made.body), made.status, {"request-id": self.world.new_id("req")}


class Product:
    def __init__(self, line: Line, accounts: tuple[str, ...], keys: dict[str, str]) -> None:
        line.world = World(BASE_URL, Clock(-BEGINS_AGO_SECONDS))
        self.line = line
        self.accounts = {name: account_create(name=name, owner=None) for name in accounts}
        owners = {key: self.accounts[account] for key, account in keys.items()}
        self.keys = {key: api_key_create(account_id=owner.id, name=key)[0] for key, owner in owners.items()}
        self.names: dict[str, str] = {account.id: name for name, account in self.accounts.items()}
        self.num_told = 0
        self.history: tuple[int, str | None] = (0, None)

    @property
    def now(self) -> dt.datetime:
        """The one time of the product and of the far end; never later than the database's."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.line.world.clock.offset_seconds)

    def id(self, name: str) -> str:
        return self.accounts[name].id

    # --- The ledger and runs

    def grant(self, account: str, amount: int, source: str) -> bool:
        return credit_grant(
            account_id=self.id(account), amount_nano_usd=amount, source=source, actor="tests", reason="any"
        )

    def metered(self, account: str, source: str, total: int, tax: int) -> bool:
        """As an invoice that was paid."""
        is_new = money_in(
            Movement(
                kind=Kind.METERED,
                source=source,
                account_id=self.id(account),
                total_nano_usd=total,
                tax_nano_usd=tax,
                actor="tests",
                reason="any",
            )
        )
        pauses_review(self.id(account), now=self.now)
        return is_new

    def hold(self, run: str, account: str, key: str, tokens: int) -> tuple[str, int]:
        key_id = self.keys[key].id if key else None
        try:
            with transaction.atomic():
                held = hold_place(
                    run_id=run, account_id=self.id(account), api_key_id=key_id, model=MODEL, bound_tokens=tokens
                )
        except RunIdTaken:
            return "taken", 0
        except AccountPaused:
            return "paused", 0
        except SpendCapReached:
            return "capped", 0
        except InsufficientFunds:
            return "refused", 0
        return "repeated" if held.is_repeated else "placed", held.max_total_tokens

    def settle(self, run: str, tokens: int, is_billable: bool) -> int | None:
        usage = UsageCounts(prompt_tokens=tokens // 3, completion_tokens=tokens - tokens // 3)
        try:
            return run_settle(run_id=run, usage=usage, is_billable=is_billable).cost_nano_usd
        except NotFound:
            return None

    def holds_sweep(self) -> int:
        later = dt.datetime.now(dt.UTC) + HOLD_AGE_MAX + dt.timedelta(seconds=PATIENCE_SECONDS)
        return holds_sweep(run_is_live=lambda _: False, now=later)

    def price_set(self, price: int) -> bool:
        return price_set(model=MODEL, nano_usd_per_token=price)

    def key_rotate(self, old: str, new: str) -> None:
        account_id = self.keys[old].account_id
        self.keys[new] = api_key_create(account_id=account_id, name=new)[0]
        api_key_revoke(account_id=account_id, api_key_id=self.keys[old].id)

    def cap_set(self, name: str, cap: int | None) -> None:
        if name in self.keys:
            key = self.keys[name]
            key_cap_set(account_id=key.account_id, api_key_id=key.id, monthly_cap_nano_usd=cap)
        else:
            account_cap_set(account_id=self.id(name), monthly_cap_nano_usd=cap)

    def limit_set(self, account: str, limit: int) -> int:
        return credit_limit_set(account_id=self.id(account), limit_nano_usd=limit)

    # --- The far end

    def checkout_pay(self, payment: str, account: str, cents: int, keep: bool, tax_percent: int) -> None:
        settings.STRIPE_TAX, self.line.world.tax_percent = tax_percent > 0, tax_percent
        asked = {"account_id": self.id(account), "keep_card": keep, "idempotency_key": payment, "now": self.now}
        made, again = (top_up_start(**asked, amount_cents=cents) for _ in range(2))
        assert (made.id, made.checkout_session_id) == (again.id, again.checkout_session_id)
        with pytest.raises(IdempotencyError):
            top_up_start(**asked, amount_cents=cents + 1)
        settings.STRIPE_TAX = False
        self.names[made.id] = payment
        session = self.line.world.get("checkout.session", made.checkout_session_id)
        assert checkout.pay(self.line.world, session, method_make(self.line.world, VISA)) is None

    def card_set(self, account: str, card: str) -> bool:
        found = Customer.objects.filter(account_id=self.id(account)).exclude(payment_method_id="").first()
        if found is not None:
            form = {"customer": found.stripe_customer_id}
            made = api.answer(self.line.world, "POST", f"/v1/payment_methods/{CARDS[card]}/attach", form, None)
            assert made.status == 200, made.body
            Customer.objects.filter(pk=found.pk).update(payment_method_id=made.body["id"])
        return found is not None

    def auto_set(self, account: str, threshold: int, target: int, ceiling: int) -> bool:
        try:
            settings_write(
                account_id=self.id(account),
                is_enabled=True,
                threshold_cents=threshold,
                target_cents=target,
                monthly_ceiling_cents=ceiling,
                actor="tests",
                now=self.now,
            )
        except ApplicationError as error:
            if error.code != "no_saved_card":
                raise
            return False
        return True

    def auto_top_up(self, payment: str, account: str, is_lost: bool) -> bool:
        with self._losing(is_lost):
            made = auto_top_up(self.id(account), now=self.now)
        if made is not None:
            self.names[made.id] = payment
        return made is not None

    def auto_sweep(self, payment: str) -> int:
        num = auto_top_up_sweep(now=self.now)
        for made in Payment.objects.exclude(id__in=self.names):
            self.names[made.id] = f"{payment}{self.names[made.account_id]}"
        return num

    @contextlib.contextmanager
    def _losing(self, is_lost: bool) -> Iterator[None]:
        self.line.is_losing = is_lost
        try:
            yield
        finally:
            self.line.is_losing = False

    def _payment(self, name: str) -> Payment:
        return Payment.objects.get(id=next(key for key, value in self.names.items() if value == name))

    def refund_ask(self, name: str, payment: str, cents: int, is_lost: bool) -> str:
        paid = self._payment(payment)
        given = {"account_id": paid.account_id, "payment_id": paid.id, "amount_cents": cents, "now": self.now}
        try:
            with self._losing(is_lost):
                refund_start(**given, idempotency_key=name, actor="tests", reason="any")
        except StripeRefused:
            pass  # its row tells below
        except ApplicationError as error:
            if error.code != "not_refundable":
                raise
            return "not_refundable"
        made = Refund.objects.get(idempotency_key=name)
        self.names[made.id] = name
        if not is_lost:  # the same key is the same refund
            assert refund_start(**given, idempotency_key=name, actor="tests", reason="any").id == made.id
        return str(made.status)

    def _charge(self, payment: str) -> dict[str, Any]:
        ours = self._payment(payment).id
        world = self.line.world
        intent = next(row for row in world.of_kind("payment_intent") if row["metadata"].get("payment_id") == ours)
        return world.get("charge", intent["latest_charge"])

    def refund_elsewhere(self, name: str, payment: str, cents: int) -> bool:
        form = {"charge": self._charge(payment)["id"], "amount": str(cents)}
        made = api.answer(self.line.world, "POST", "/v1/refunds", form, None)
        if made.status == 200:
            self.names[made.body["id"]] = name
        return made.status == 200

    def refund_fails(self, name: str) -> bool:
        world = self.line.world
        refund = next((row for row in world.of_kind("refund") if self._name(row) == name), None)
        if refund is None or refund["status"] == "failed":
            return False
        refund["status"] = "failed"
        world.get("charge", refund["charge"])["amount_refunded"] -= refund["amount"]
        kind = {"kind": "refund_failure", "category": "refund_failure"}
        balance_move(world, amount=refund["amount"], fee=0, source=refund["id"], **kind)
        world.event("refund.failed", refund)
        return True

    def dispute(self, name: str, payment: str) -> bool:
        charge = self._charge(payment)
        if charge["status"] != "succeeded" or charge["disputed"] or charge["amount"] == charge["amount_refunded"]:
            return False
        self.names[disputes.dispute_open(self.line.world, charge, reason="fraudulent")["id"]] = name
        return True

    def dispute_end(self, name: str, is_won: bool) -> bool:
        dispute = next(row for row in self.line.world.of_kind("dispute") if self.names[row["id"]] == name)
        if dispute["status"] not in disputes.OPEN:
            return False
        disputes.dispute_end(self.line.world, dispute, is_won=is_won)
        return True

    # --- News

    def _name(self, obj: Mapping[str, Any]) -> str:
        metadata = obj.get("metadata") or {}
        ours = metadata.get("payment_id") or metadata.get("refund_id") or obj["id"]
        return self.names[ours]

    def news_take(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Events since the last call that move money: (kind, the name of what they are about, the event)."""
        kinds = {"payment_intent": "intent", "checkout.session": "session", "refund": "refund", "dispute": "dispute"}
        events = list(self.line.world.objects.get("event", {}).values())
        fresh, self.num_told = events[self.num_told :], len(events)
        for event in fresh:
            obj = event["data"]["object"]
            if obj["object"] in kinds:
                yield kinds[obj["object"]], self._name(obj), event
            elif event["type"] == "charge.refunded":
                yield "charge", self._name(self.line.world.get("payment_intent", obj["payment_intent"])), event

    def fetch(self, event: dict[str, Any]) -> Told:
        return webhooks._effects_fetch(event_read(event))

    def deliver(self, event: dict[str, Any], told: Told | None) -> str:
        """`told`: what was fetched for it before; None: it is fetched now."""
        if told is not None:
            return webhooks._apply_once(event_read(event), told, now=self.now)
        body, header = signed(event)
        return webhooks.webhook_receive(body=body, signature=header, now=self.now)

    def refresh(self) -> None:
        self.line.world.clock.advance(PATIENCE_SECONDS)
        payments_refresh_due(now=self.now)
        refunds_resend_due(now=self.now)

    # --- What is compared, and what must always hold

    def state(self) -> dict[str, object]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT a.kind, a.account_id, sum(e.amount_nano_usd)::bigint FROM metering_ledgerentry e"
                " JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id GROUP BY 1, 2"
            )
            pots = {(kind, self.names.get(owner, "")): total for kind, owner, total in cursor.fetchall() if total}
            cursor.execute("SELECT kind, count(*) FROM metering_ledgertransaction GROUP BY 1")
            transactions = dict(cursor.fetchall())
        rows = {self.names[row.account_id]: row for row in Balance.objects.all()}
        used = Hold.objects.exclude(api_key=None).values("api_key")
        key_months = KeyMonth.objects.filter(api_key__in=used).select_related("api_key")
        return {
            "pots": pots,
            "transactions": transactions,
            "balances": {
                name: (row.available_nano_usd, row.held_nano_usd, row.credit_limit_nano_usd)
                for name, row in rows.items()
            },
            "spent": {name: row.month_spent_nano_usd + row.month_held_nano_usd for name, row in rows.items()},
            "keys": {row.api_key.name: row.spent_nano_usd + row.held_nano_usd for row in key_months},
            "payments": {self.names[row.id]: row.status for row in Payment.objects.all()},
            "refunds": {
                self.names.get(row.id) or self.names[str(row.stripe_refund_id)]: (
                    row.status,
                    row.amount_cents,
                    row.tax_cents,
                )
                for row in Refund.objects.all()
            },
            "disputes": {
                self.names[row.id]: (row.status, row.withdrawn_cents, row.reinstated_cents)
                for row in Dispute.objects.all()
            },
            "paused": {name: row.paused_from is not None for name, row in rows.items()},
        }

    def check(self) -> None:
        """The database's own books are sound, and what was written in them stands as it was written."""
        report = ledger_check()
        assert report.is_sound, report.problems
        last, before = self.history
        assert before == self._written(last), "history changed"
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM metering_ledgerentry")
            (last,) = cursor.fetchone()
        self.history = last, self._written(last)
        costs = UsageRecord.objects.values_list("cost_nano_usd", "price_nano_usd_per_token", "is_billable")
        assert all(type(cost) is int and cost % price == 0 for cost, price, _ in costs)

    def _written(self, last: int) -> str | None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT md5(string_agg(concat_ws(' ', e.id, e.ledger_account_id, e.amount_nano_usd, t.source, t.kind),"
                " ';' ORDER BY e.id)) FROM metering_ledgerentry e"
                " JOIN metering_ledgertransaction t ON t.id = e.transaction_id WHERE e.id <= %s",
                [last],
            )
            return cursor.fetchone()[0]  # type: ignore[no-any-return]
