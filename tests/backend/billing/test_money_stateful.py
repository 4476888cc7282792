"""Any order of everything that moves money keeps the books sound: as specified, and as the product does it.

One set of rules drives the model alone (the specification, by the thousand) and the model beside the product on real
PostgreSQL (every outcome and every pot compared after each step). News of the far end comes in any order, twice,
late, long after it was fetched, or never, and then we ask ourselves.
"""

import contextlib
import copy
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backend.billing import stripe_client
from backend.metering.services import TRIAL_GRANT_NANO_USD, price_set
from tests.backend.billing.far_model import Snapshot
from tests.backend.billing.money_model import Model
from tests.backend.billing.money_product import Line, Product, Told
from tests.backend.conftest import MODEL, PRICE
from tests.stripe_far_end import SECRET_KEY, WEBHOOK_SECRET

ACCOUNTS, KEYS = ("a", "b"), {"k": "a"}  # each key's account
ACCOUNT, PICK = st.sampled_from("aaab"), st.integers(0, 99)
DOLLAR_CENTS = st.integers(5, 40).map(lambda dollars: dollars * 100)
CARD = st.sampled_from(["pays", "pays", "refuses"])
NANO_USD = st.integers(1, 3 * 10**10)
STORM_MAX = 8  # pieces of news in two orders at once


@dataclass
class News:
    kind: str
    name: str
    event: dict[str, Any] | None
    snapshot: Snapshot | None = None  # fetched already, for the model
    told: Told | None = None  # and for the product
    is_handled: bool = False


@dataclass
class Steps:
    """How much ran, for the report."""

    num_examples: int = 0
    num_steps: int = 0
    started_at: float = field(default_factory=time.monotonic)


class Money(RuleBasedStateMachine):
    """`line`: the product is driven too, over it."""

    line: Line | None = None
    steps = Steps()

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(ACCOUNTS, PRICE)
        self.product = Product(self.line, ACCOUNTS, KEYS) if self.line is not None else None
        for account in ACCOUNTS:
            self.model.grant(account, TRIAL_GRANT_NANO_USD, f"trial:{account}")
        self.news: list[News] = []
        self.num_names = 0
        self.key = "k"
        type(self).steps.num_examples += 1

    # --- Both do it, and say the same

    def both(self, act: str, *given: Any) -> Any:
        expected = getattr(self.model, act)(*given)
        if self.product is not None:
            got = getattr(self.product, act)(*given)
            assert got == expected, f"{act}{given}: the product says {got!r}, it should be {expected!r}"
        self.news_take()
        return expected

    def news_take(self) -> None:
        specified = self.model.far.news_take()
        if self.product is not None:
            self.news += [News(*piece) for piece in self.product.news_take()]
        else:
            self.news += [News(kind, name, None) for kind, name in specified]

    def name(self, prefix: str) -> str:
        self.num_names += 1
        return f"{prefix}{self.num_names}"

    def pick(self, names: Any, number: int) -> str:
        found = list(names)
        return str(found[number % len(found)])

    # --- Runs, grants, prices, caps

    @rule(account=ACCOUNT, amount=NANO_USD)
    def grant(self, account: str, amount: int) -> None:
        source = self.name("grant:")
        assert [self.both("grant", account, amount, source) for _ in range(2)] == [True, False]

    @rule(account=ACCOUNT, with_key=st.booleans(), tokens=st.integers(1, 8_000_000))
    def hold(self, account: str, with_key: bool, tokens: int) -> None:
        key = self.key if with_key and account == KEYS["k"] else ""
        self.both("hold", self.name("run_money"), account, key, tokens)

    @precondition(lambda self: self.model.holds)
    @rule(number=PICK, account=ACCOUNT)
    def hold_again(self, number: int, account: str) -> None:
        """Also by another account, which must not learn of it."""
        self.both("hold", self.pick(self.model.holds, number), account, "", 10)

    def open_runs(self) -> list[str]:
        return [run for run, hold in self.model.holds.items() if hold.cost is None]

    @precondition(lambda self: self.open_runs())
    @rule(number=PICK, share=st.integers(0, 100), is_billable=st.sampled_from([True, True, True, False]))
    def settle(self, number: int, share: int, is_billable: bool) -> None:
        run = self.pick(self.open_runs(), number)
        self.both("settle", run, self.model.holds[run].tokens * share // 100, is_billable)

    @precondition(lambda self: self.model.holds)
    @rule(number=PICK, tokens=st.integers(0, 9), is_billable=st.booleans())
    def settle_again(self, number: int, tokens: int, is_billable: bool) -> None:
        """Late, and by a caller who counted otherwise: the first one's cost stands. Who never held pays nothing."""
        run = self.pick(["run_nobody00", *self.model.holds], number)
        if run not in self.open_runs():
            self.both("settle", run, tokens, is_billable)

    @rule(account=ACCOUNT, share=st.integers(80, 100))
    def spend_all(self, account: str, share: int) -> None:
        """As much as may be held, nearly all of it used: a chargeback then finds too little."""
        run = self.name("run_money")
        outcome, tokens = self.both("hold", run, account, "", 10_000_000)
        if outcome == "placed":
            self.both("settle", run, tokens * share // 100, True)

    @precondition(lambda self: self.open_runs())
    @rule()
    def holds_sweep(self) -> None:
        self.both("holds_sweep")

    @rule(price=st.integers(1_000, 9_000))
    def price(self, price: int) -> None:
        self.both("price_set", price)

    @rule(name=st.sampled_from([*ACCOUNTS, "key"]), cap=st.none() | st.integers(0, 5 * 10**10))
    def cap(self, name: str, cap: int | None) -> None:
        self.both("cap_set", self.key if name == "key" else name, cap)

    @rule()
    def key_rotate(self) -> None:
        old, self.key = self.key, self.name("k")
        self.both("key_rotate", old, self.key)

    @rule(account=ACCOUNT, limit=st.integers(0, 10**10))
    def limit(self, account: str, limit: int) -> None:
        self.both("limit_set", account, limit)

    # --- Money in and out

    @initialize(
        keep=st.sampled_from([True, True, True, False]),
        is_auto=st.sampled_from([True, True, False]),
        is_owing=st.sampled_from([False, False, True]),
    )
    def begin(self, keep: bool, is_auto: bool, is_owing: bool) -> None:
        """Some way into the life of an account, where the rare things are near."""
        self.checkout("a", 2_500, keep, 0, True)
        if is_auto:
            self.both("auto_set", "a", 1_000, 2_000, 20_000)
        if is_owing:
            self.refund_elsewhere(0, 400)
            self.spend_all("a", 100)
            self.dispute(0)
            self.dispute_end(0, False)
            for number in range(len(self.news)):
                self.deliver(number)

    @rule(
        account=ACCOUNT,
        cents=DOLLAR_CENTS,
        keep=st.booleans(),
        tax_percent=st.sampled_from([0, 0, 19]),
        is_heard=st.booleans(),
    )
    def checkout(self, account: str, cents: int, keep: bool, tax_percent: int, is_heard: bool) -> None:
        num_before = len(self.news)
        self.both("checkout_pay", self.name("p"), account, cents, keep, tax_percent)
        for piece in self.news[num_before:] if is_heard else []:
            self.deliver_to(self.model, piece, is_handled=False)
            piece.is_handled = True

    @rule(account=ACCOUNT, total=NANO_USD, tax_percent=st.integers(0, 30))
    def metered(self, account: str, total: int, tax_percent: int) -> None:
        source = self.name("invoice:")
        given = (account, source, total, total * tax_percent // 100)
        assert [self.both("metered", *given) for _ in range(2)] == [True, False]

    @precondition(lambda self: self.model.cards)
    @rule(account=ACCOUNT, card=CARD)
    def card(self, account: str, card: str) -> None:
        self.both("card_set", account, card)

    @precondition(lambda self: self.model.cards)
    @rule(account=ACCOUNT, threshold=DOLLAR_CENTS, more=DOLLAR_CENTS, ceiling=DOLLAR_CENTS)
    def auto_set(self, account: str, threshold: int, more: int, ceiling: int) -> None:
        self.both("auto_set", account, threshold, threshold + more, ceiling * 5)

    @precondition(lambda self: self.model.autos)
    @rule(number=PICK, is_spent=st.sampled_from([True, True, False]), is_lost=st.booleans(), next_card=CARD | st.none())
    def auto_top_up(self, number: int, is_spent: bool, is_lost: bool, next_card: str | None) -> None:
        account = self.pick(self.model.autos, number)
        if is_spent:
            self.spend_all(account, 100)
        is_charged = self.both("auto_top_up", self.name("p"), account, is_lost)
        if is_charged and next_card is not None:
            self.both("card_set", account, next_card)

    @precondition(lambda self: self.model.autos)
    @rule()
    def auto_sweep(self) -> None:
        self.both("auto_sweep", self.name("p"))

    @precondition(lambda self: self.model.payments)
    @rule(number=PICK, cents=st.integers(1, 4_000), is_lost=st.booleans())
    def refund(self, number: int, cents: int, is_lost: bool) -> None:
        payment = self.pick(self.model.payments, number)
        cents = min(cents, self.model.refundable(payment) + 1)
        self.both("refund_ask", self.name("r"), payment, cents, is_lost)

    @precondition(lambda self: self.model.payments)
    @rule(number=PICK, cents=st.integers(1, 4_000))
    def refund_elsewhere(self, number: int, cents: int) -> None:
        self.both("refund_elsewhere", self.name("r"), self.pick(self.model.payments, number), cents)

    @precondition(lambda self: self.model.far.refunds)
    @rule(number=PICK)
    def refund_fails(self, number: int) -> None:
        self.both("refund_fails", self.pick(self.model.far.refunds, number))

    @precondition(lambda self: self.model.payments)
    @rule(number=PICK)
    def dispute(self, number: int) -> None:
        self.both("dispute", self.name("d"), self.pick(self.model.payments, number))

    @precondition(lambda self: self.model.far.disputes)
    @rule(number=PICK, is_won=st.booleans())
    def dispute_end(self, number: int, is_won: bool) -> None:
        self.both("dispute_end", self.pick(self.model.far.disputes, number), is_won)

    # --- News

    def deliver_to(self, model: Model, piece: News, *, is_handled: bool) -> None:
        if not is_handled:
            model.deliver(piece.snapshot or model.far.snapshot(piece.kind, piece.name))
        if self.product is not None:
            assert piece.event is not None
            outcome = self.product.deliver(piece.event, piece.told)
            assert outcome == ("repeated" if is_handled else "applied"), (outcome, piece.event["type"])

    @precondition(lambda self: self.news)
    @rule(number=PICK)
    def deliver(self, number: int) -> None:
        """Any piece of news, also one that came before."""
        piece = self.news[number % len(self.news)]
        self.deliver_to(self.model, piece, is_handled=piece.is_handled)
        piece.is_handled = True

    @precondition(lambda self: self.news)
    @rule(number=PICK)
    def fetch_for_later(self, number: int) -> None:
        """Another process fetches what the news is about, and applies it when the world has moved on."""
        piece = self.news[number % len(self.news)]
        if piece.is_handled:
            return
        piece.snapshot = self.model.far.snapshot(piece.kind, piece.name)
        if self.product is not None:
            assert piece.event is not None
            piece.told = self.product.fetch(piece.event)

    @precondition(lambda self: self.news)
    @rule(number=PICK)
    def drop(self, number: int) -> None:
        """News of a payment that never comes: we ask ourselves. (Of the rest Stripe tells until it is heard.)"""
        piece = self.news[number % len(self.news)]
        if piece.kind in ("intent", "session"):
            self.news.remove(piece)

    @rule()
    def refresh(self) -> None:
        self.both("refresh")

    @precondition(lambda self: any(not piece.is_handled for piece in self.news))
    @rule(data=st.data())
    def storm(self, data: st.DataObject) -> None:
        """What waits comes in two orders, each piece twice: the ends are the same."""
        waiting = [piece for piece in self.news if not piece.is_handled][:STORM_MAX]
        orders = [data.draw(st.permutations(range(len(waiting)))) for _ in range(2)]
        ends = []
        for place, order in enumerate(orders):
            model = copy.deepcopy(self.model) if place == 0 else self.model
            with transaction.atomic() if self.product is not None else contextlib.nullcontext():
                for is_handled in (False, True):
                    for number in order:
                        self.deliver_to(model, waiting[number], is_handled=is_handled)
                ends.append([model.state(), *([self.product.state()] if self.product is not None else [])])
                if place == 0 and self.product is not None:
                    transaction.set_rollback(True)
        for piece in waiting:
            piece.is_handled = True
        assert ends[0] == ends[1], orders

    # --- After every step

    @invariant()
    def books_are_sound(self) -> None:
        type(self).steps.num_steps += 1
        self.model.check()
        if self.product is not None:
            self.product.check()
            assert self.product.state() == self.model.state()

    def teardown(self) -> None:
        """Everything is heard in the end: then each fact of the far end is booked once."""
        for piece in self.news:
            if not piece.is_handled:
                self.deliver_to(self.model, piece, is_handled=False)
        self.both("refresh")
        self.books_are_sound()
        far, model = self.model.far, self.model
        kept = sum(intent.cents for intent in far.intents.values() if not intent.is_refused)
        kept -= sum(refund.cents for refund in far.refunds.values() if refund.status != "failed")
        kept -= sum(dispute.taken - dispute.given for dispute in far.disputes.values())
        cash = -sum(moves.get(("cash", ""), 0) for kind, _, moves in model.journal if kind != "metered")
        assert cash == kept * 10_000_000, "the ledger's cash is what the far end holds for us"


# --- The two machines


class MoneyOfProduct(Money):
    """Each example in a transaction that is undone."""

    def __init__(self) -> None:
        self.scope = transaction.atomic()
        self.scope.__enter__()
        super().__init__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            transaction.set_rollback(True)
            self.scope.__exit__(None, None, None)


def run(machine: type[Money], capsys: pytest.CaptureFixture[str], *, num_examples: int, num_steps: int) -> None:
    machine.steps = Steps()
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=num_examples,
                stateful_step_count=num_steps,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        steps, seconds = machine.steps, time.monotonic() - machine.steps.started_at
        with capsys.disabled():
            print(f"\n{machine.__name__}: {steps.num_examples} examples, {steps.num_steps} steps, {seconds:.0f} s")


LONG = [pytest.mark.extra, pytest.mark.timeout(3_600)]


@pytest.mark.parametrize(
    ("num_examples", "num_steps"), [pytest.param(40, 50, id="short"), pytest.param(1_000, 50, id="long", marks=LONG)]
)
def test_the_specification_keeps_the_books_sound(
    capsys: pytest.CaptureFixture[str], num_examples: int, num_steps: int
) -> None:
    run(Money, capsys, num_examples=num_examples, num_steps=num_steps)


@pytest.fixture
def line(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.STRIPE_API_KEY = SECRET_KEY
    settings.STRIPE_API_BASE = "http://far.invalid"
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    settings.STRIPE_TAX = False
    line = Line()
    monkeypatch.setattr(stripe, "RequestsClient", lambda **_: line)
    monkeypatch.setattr(stripe_client, "RETRIES_MAX", 0)  # the SDK sleeps between its tries
    stripe_client._client.cache_clear()
    yield line
    stripe_client._client.cache_clear()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("num_examples", "num_steps"), [pytest.param(12, 30, id="short"), pytest.param(200, 50, id="long", marks=LONG)]
)
def test_the_product_does_as_specified(
    line: Line, capsys: pytest.CaptureFixture[str], num_examples: int, num_steps: int
) -> None:
    price_set(model=MODEL, nano_usd_per_token=PRICE)
    machine = type("MoneyOfProduct", (MoneyOfProduct,), {"line": line})
    run(machine, capsys, num_examples=num_examples, num_steps=num_steps)
