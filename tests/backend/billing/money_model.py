"""What money must do, in plain Python: the oracle that the product's ledger and billing are compared with. Pure.

A journal of balanced transactions, the pots it adds up to, holds, caps and prices; and what each piece of news from
the far end means, whenever it comes. Integers only: cents where a bank moves them, nano-dollars everywhere else.
It shares no code with the product. Not here: the far end itself, whose facts are in far_model.py.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.backend.billing.far_model import CENT, Far, Snapshot

UNFINISHED = ("created", "open")
RANKS = {"created": 0, "open": 1, "failed": 3, "succeeded": 4}
REFUND_RANKS = {"created": 0, "succeeded": 2, "failed": 3}
CHARGE_CENTS_MIN, CHARGE_CENTS_MAX = 500, 100_000
PAYMENT_KINDS = ("topup", "metered", "refund", "refund_reversal", "dispute", "dispute_reversal")
OVER = ("won", "lost")

Moves = dict[tuple[str, str], int]  # (pot, owner): nano-dollars; shared pots have the owner ""


@dataclass
class Hold:
    account: str
    key: str
    tokens: int
    price: int
    cost: int | None = None  # None: the run is open

    @property
    def amount(self) -> int:
        return self.tokens * self.price


@dataclass
class Auto:
    threshold: int
    target: int
    ceiling: int
    is_resting: bool = False  # after a refusal


@dataclass
class Payment:
    account: str
    cents: int
    is_auto: bool
    is_card_kept: bool = False
    status: str = "created"
    tax: int = 0


@dataclass
class Refund:
    payment: str
    cents: int
    tax: int
    status: str = "created"


@dataclass
class Model:
    accounts: tuple[str, ...]
    price: int
    far: Far = field(default_factory=Far)
    journal: list[tuple[str, str, Moves]] = field(default_factory=list)  # (kind, source, moves): only ever longer
    sources: set[str] = field(default_factory=set)
    pots: Counter[tuple[str, str]] = field(default_factory=Counter)
    holds: dict[str, Hold] = field(default_factory=dict)
    limits: Counter[str] = field(default_factory=Counter)
    caps: dict[str, int | None] = field(default_factory=dict)  # of accounts and keys
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    pauses: dict[str, bool] = field(default_factory=dict)  # dispute: is it open
    autos: dict[str, Auto] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)

    # --- The ledger

    def free(self, account: str) -> int:
        return self.pots["credit", account]

    def held(self, account: str) -> int:
        return self.pots["hold", account]

    def owed(self, account: str) -> int:
        return -self.pots["receivable", account]

    def post(self, kind: str, source: str, moves: Moves) -> None:
        assert source not in self.sources, f"{source} twice"
        assert sum(moves.values()) == 0, moves
        self.sources.add(source)
        self.journal.append((kind, source, {pot: amount for pot, amount in moves.items() if amount}))
        self.pots.update(moves)

    def grant(self, account: str, amount: int, source: str) -> bool:
        if source in self.sources:
            return False
        self.post("grant", source, {("promotion", ""): -amount, ("credit", account): amount})
        return True

    def money_in(self, kind: str, source: str, account: str, total: int, tax: int) -> bool:
        if source in self.sources:
            return False
        net = total - tax
        pays = min(self.owed(account), net)
        pots = [("cash", ""), ("tax", ""), ("receivable", account), ("credit", account)]
        self.post(kind, source, dict(zip(pots, (-total, tax, pays, net - pays), strict=True)))
        return True

    def money_out(self, kind: str, source: str, account: str, total: int, tax: int) -> bool:
        if source in self.sources:
            return False
        net = total - tax
        takes = min(max(self.free(account), 0), net)
        pots = [("cash", ""), ("tax", ""), ("credit", account), ("receivable", account)]
        self.post(kind, source, dict(zip(pots, (total, -tax, -takes, takes - net), strict=True)))
        return True

    def metered(self, account: str, source: str, total: int, tax: int) -> bool:
        is_new = self.money_in("metered", source, account, total, tax)
        self._review(account)
        return is_new

    # --- Runs

    def spent(self, name: str) -> int:
        """What counts against the cap of an account or key: paid runs and open holds."""
        mine = (hold for hold in self.holds.values() if name in (hold.account, hold.key))
        return sum(hold.amount if hold.cost is None else hold.cost for hold in mine)

    def hold(self, run: str, account: str, key: str, tokens: int) -> tuple[str, int]:
        if run in self.holds:
            known = self.holds[run]
            return ("repeated", known.tokens) if known.account == account else ("taken", 0)
        tokens = min(tokens, max(self.free(account) + self.limits[account], 0) // self.price)
        if tokens < 1:
            return "refused", 0
        for name in filter(None, (account, key)):
            cap = self.caps.get(name)
            if cap is not None:
                tokens = min(tokens, max(cap - self.spent(name), 0) // self.price)
            if tokens < 1:
                return "capped", 0
        if self.is_paused(account):
            return "paused", 0
        self.holds[run] = hold = Hold(account, key, tokens, self.price)
        self.post("hold", f"hold:{run}", {("credit", account): -hold.amount, ("hold", account): hold.amount})
        return "placed", tokens

    def settle(self, run: str, tokens: int, is_billable: bool) -> int | None:
        """The cost, of the first settlement whoever asks again; None: there was no hold."""
        if run not in self.holds:
            return None
        hold = self.holds[run]
        if hold.cost is None:
            listed = tokens * hold.price
            cost = listed if is_billable else 0
            owner = hold.account
            hold.cost = cost
            pots = [("hold", owner), ("revenue", ""), ("credit", owner)]
            moves = dict(zip(pots, (-hold.amount, cost, hold.amount - cost), strict=True))
            self.post("settle", f"settle:{run}", moves)
            if listed > cost:
                wasted = listed - cost
                self.post("waste", f"waste:{run}", {("waste", ""): -wasted, ("production", ""): wasted})
        return hold.cost

    def holds_sweep(self) -> int:
        dead = [run for run, hold in self.holds.items() if hold.cost is None]
        for run in dead:
            self.settle(run, 0, False)
        return len(dead)

    def price_set(self, price: int) -> bool:
        is_new, self.price = price != self.price, price
        return is_new

    def key_rotate(self, old: str, new: str) -> None:
        """The old key's runs, its open ones too, and what they cost stay as they are."""

    def cap_set(self, name: str, cap: int | None) -> None:
        self.caps[name] = cap

    def limit_set(self, account: str, limit: int) -> int:
        self.limits[account] = max(limit, -self.free(account))
        return self.limits[account]

    # --- What customers and we ask of the far end; what a bank does there

    def checkout_pay(self, payment: str, account: str, cents: int, keep: bool, tax_percent: int) -> None:
        self.payments[payment] = Payment(account, cents, is_auto=False, is_card_kept=keep, status="open")
        self.far.charge(payment, cents + cents * tax_percent // 100, is_refused=False, is_checkout=True)

    def card_set(self, account: str, card: str) -> bool:
        if account in self.cards:
            self.cards[account] = card
        return account in self.cards

    def auto_set(self, account: str, threshold: int, target: int, ceiling: int) -> bool:
        if account in self.cards:
            self.autos[account] = Auto(threshold, target, ceiling)
        return account in self.cards

    def auto_top_up(self, payment: str, account: str, is_lost: bool) -> bool:
        cents = self._due(account)
        if cents == 0:
            return False
        self.payments[payment] = Payment(account, cents, is_auto=True)
        self.far.charge(payment, cents, is_refused=self.cards[account] == "refuses", is_checkout=False)
        if not is_lost:
            self._intent(self.far.snapshot("intent", payment), payment)
        return True

    def auto_sweep(self, payment: str) -> int:
        return sum(self.auto_top_up(f"{payment}{account}", account, False) for account in self.accounts)

    def _due(self, account: str) -> int:
        auto = self.autos.get(account)
        mine = [payment for payment in self.payments.values() if payment.account == account and payment.is_auto]
        is_pending = any(payment.status in UNFINISHED for payment in mine)
        total = self.free(account) + self.held(account)
        if auto is None or auto.is_resting or is_pending or self.is_paused(account) or total >= auto.threshold * CENT:
            return 0
        left = auto.ceiling - sum(payment.cents for payment in mine if payment.status != "failed")
        cents = min(-((total - auto.target * CENT) // CENT), left, CHARGE_CENTS_MAX)
        return cents if cents >= CHARGE_CENTS_MIN else 0

    def refundable(self, name: str) -> int:
        payment = self.payments[name]
        if payment.status != "succeeded":
            return 0
        mine = (refund for refund in self.refunds.values() if refund.payment == name)
        given = sum(refund.cents for refund in mine if refund.status != "failed")
        own = ("credit", payment.account)
        paid = sum(moves.get(own, 0) for kind, _, moves in self.journal if kind in PAYMENT_KINDS)
        unspent = max(0, min(paid, self.free(payment.account)))
        return max(0, min(payment.cents - given, unspent // CENT))

    def refund_ask(self, name: str, payment: str, cents: int, is_lost: bool) -> str:
        if not 1 <= cents <= self.refundable(payment):
            return "not_refundable"
        paid = self.payments[payment]
        self.refunds[name] = Refund(payment, cents, paid.tax * cents // paid.cents)
        self._refund_book(name)
        if is_lost:
            self.far.refund(name, payment, cents + self.refunds[name].tax)
            return "created"
        return self._refund_send(name)

    def _refund_send(self, name: str) -> str:
        refund = self.refunds[name]
        if name not in self.far.refunds and not self.far.refund(name, refund.payment, refund.cents + refund.tax):
            self._refund_move(name, "failed")
        else:
            self._refund_move(name, "succeeded")  # the first answer, which a repeat gets again, whatever came since
        return refund.status

    def _refund_book(self, name: str) -> None:
        refund = self.refunds[name]
        total, tax = (refund.cents + refund.tax) * CENT, refund.tax * CENT
        self.money_out("refund", f"refund:{name}", self.payments[refund.payment].account, total, tax)

    def refund_elsewhere(self, name: str, payment: str, cents: int) -> bool:
        """Somebody of ours gives money back in the far end's own dashboard."""
        return self.far.refund(name, payment, cents)

    def refund_fails(self, name: str) -> bool:
        return name in self.far.refunds and self.far.refund_fails(name)

    def dispute(self, name: str, payment: str) -> bool:
        return self.far.dispute(name, payment)

    def dispute_end(self, name: str, is_won: bool) -> bool:
        return self.far.dispute_end(name, is_won)

    # --- What the far end's news means; a snapshot is what was fetched, perhaps long ago

    def deliver(self, told: Snapshot) -> None:
        if told.payment in told.intents:
            self._intent(told, told.payment)
        for name in told.refunds:
            self._refund(told, name)
        for name in told.disputes:
            self._dispute(told, name)

    def _intent(self, told: Snapshot, name: str) -> None:
        status, received = told.intents[name]
        payment = self.payments[name]
        if status == "succeeded":
            payment.tax = received - payment.cents
            total, tax = received * CENT, payment.tax * CENT
            self.money_in("topup", f"topup:{name}", payment.account, total, tax)
        if RANKS[status] <= RANKS[payment.status]:
            return
        payment.status = status
        if status == "succeeded" and payment.is_card_kept:
            self.cards[payment.account] = "pays"
        if payment.is_auto:
            self.autos[payment.account].is_resting = status == "failed"
        if status == "succeeded":
            self._review(payment.account)

    def _refund(self, told: Snapshot, name: str) -> None:
        status, payment_name, cents = told.refunds[name]
        if name not in self.refunds:
            payment = self.payments[payment_name]
            tax = payment.tax * cents // (payment.cents + payment.tax)
            self.refunds[name] = Refund(payment_name, cents - tax, tax)
            self._refund_book(name)
        self._refund_move(name, status)

    def _refund_move(self, name: str, status: str) -> None:
        refund = self.refunds[name]
        account = self.payments[refund.payment].account
        if REFUND_RANKS[status] > REFUND_RANKS[refund.status]:
            refund.status = status
            if status == "failed":
                total, tax = (refund.cents + refund.tax) * CENT, refund.tax * CENT
                self.money_in("refund_reversal", f"refund_reversal:{name}", account, total, tax)
            self._review(account)

    def _dispute(self, told: Snapshot, name: str) -> None:
        status, taken, given = told.disputes[name]
        payment = self.payments[told.payment]
        old_status, old_taken, old_given = self.disputes.get(name, ("needs_response", 0, 0))
        status = old_status if old_status in OVER else status
        self.disputes[name] = status, max(taken, old_taken), max(given, old_given)
        for kind, cents, book in (("dispute", taken, self.money_out), ("dispute_reversal", given, self.money_in)):
            if cents:
                tax = payment.tax * cents // (payment.cents + payment.tax)
                book(kind, f"{kind}:{name}", payment.account, cents * CENT, tax * CENT)
        self.pauses.setdefault(name, True)
        self._review(payment.account)

    def _review(self, account: str) -> None:
        """An account is paused while a dispute is open, and while it owes for a lost one."""
        for name in self.pauses:
            if self.account_of_dispute(name) == account:
                status = self.disputes[name][0]
                self.pauses[name] = status not in OVER or (status == "lost" and self.owed(account) > 0)

    def account_of_dispute(self, name: str) -> str:
        return self.payments[self.far.disputes[name].payment].account

    def is_paused(self, account: str) -> bool:
        return any(is_open and self.account_of_dispute(name) == account for name, is_open in self.pauses.items())

    def refresh(self) -> None:
        """We ask after whatever is unfinished: news that never came is found."""
        for name, payment in self.payments.items():
            if payment.status in UNFINISHED:
                self.deliver(self.far.snapshot("intent", name))
        for name, refund in self.refunds.items():
            if refund.status == "created":
                self._refund_send(name)

    # --- What is compared, and what must always hold

    def state(self) -> dict[str, object]:
        return {
            "pots": {pot: amount for pot, amount in self.pots.items() if amount},
            "transactions": dict(Counter(kind for kind, _, _ in self.journal)),
            "balances": {name: (self.free(name), self.held(name), self.limits[name]) for name in self.accounts},
            "spent": {name: self.spent(name) for name in self.accounts},
            "keys": {hold.key: self.spent(hold.key) for hold in self.holds.values() if hold.key},
            "payments": {name: payment.status for name, payment in self.payments.items()},
            "refunds": {name: (refund.status, refund.cents, refund.tax) for name, refund in self.refunds.items()},
            "disputes": dict(self.disputes),
            "paused": {name: self.is_paused(name) for name in self.accounts},
        }

    def check(self) -> None:
        """The invariants of the books, from the journal alone."""
        added: Counter[tuple[str, str]] = Counter()
        for _, _, moves in self.journal:
            assert sum(moves.values()) == 0
            assert all(type(amount) is int for amount in moves.values())
            added.update(moves)
        assert sum(added.values()) == 0
        assert {pot: sum_ for pot, sum_ in added.items() if sum_} == self.state()["pots"]
        assert len({source for _, source, _ in self.journal}) == len(self.journal)
        assert self.pots["revenue", ""] == sum(hold.cost or 0 for hold in self.holds.values())
        for name in self.accounts:
            open_holds = sum(h.amount for h in self.holds.values() if h.account == name and h.cost is None)
            assert self.held(name) == open_holds >= 0
            assert self.free(name) >= -self.limits[name]
            assert self.owed(name) >= 0
        for hold in self.holds.values():
            assert hold.cost is None or (0 <= hold.cost <= hold.amount and hold.cost % hold.price == 0)
