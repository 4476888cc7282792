"""The facts at the far end of a payment, as far as money goes: what was charged, given back, disputed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CENT = 10_000_000


@dataclass
class Intent:
    cents: int
    is_refused: bool
    refunded: int = 0
    is_disputed: bool = False

    @property
    def left(self) -> int:
        return 0 if self.is_refused or self.is_disputed else self.cents - self.refunded


@dataclass
class Refund:
    payment: str
    cents: int
    status: str = "succeeded"


@dataclass
class Dispute:
    payment: str
    taken: int
    given: int = 0
    status: str = "needs_response"


@dataclass(frozen=True)
class Snapshot:
    """What was fetched for one piece of news: never again changed, so it may be old when it is applied."""

    payment: str
    intents: Mapping[str, tuple[str, int]]  # status, cents received
    refunds: Mapping[str, tuple[str, str, int]]  # status, payment, cents
    disputes: Mapping[str, tuple[str, int, int]]  # status, cents taken, cents given back


@dataclass
class Far:
    intents: dict[str, Intent] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    news: list[tuple[str, str]] = field(default_factory=list)  # (kind, name) since somebody last took them

    def news_take(self) -> list[tuple[str, str]]:
        taken, self.news = self.news, []
        return taken

    def charge(self, payment: str, cents: int, *, is_refused: bool, is_checkout: bool) -> None:
        self.intents[payment] = Intent(cents, is_refused)
        self.news += [("intent", payment), *([("session", payment)] if is_checkout else [])]

    def refund(self, name: str, payment: str, cents: int) -> bool:
        """False: refused."""
        intent = self.intents[payment]
        if not 0 < cents <= intent.left:
            return False
        intent.refunded += cents
        self.refunds[name] = Refund(payment, cents)
        self.news += [("refund", name), ("charge", payment)]
        return True

    def refund_fails(self, name: str) -> bool:
        """The customer's bank sends the money back to us."""
        refund = self.refunds[name]
        if refund.status == "failed":
            return False
        refund.status = "failed"
        self.intents[refund.payment].refunded -= refund.cents
        self.news.append(("refund", name))
        return True

    def dispute(self, name: str, payment: str) -> bool:
        intent = self.intents[payment]
        if intent.left == 0:
            return False
        self.disputes[name] = Dispute(payment, intent.left)
        intent.is_disputed = True
        self.news += [("dispute", name), ("dispute", name)]
        return True

    def dispute_end(self, name: str, is_won: bool) -> bool:
        dispute = self.disputes[name]
        if dispute.status != "needs_response":
            return False
        dispute.status, dispute.given = ("won", dispute.taken) if is_won else ("lost", 0)
        self.news.append(("dispute", name))
        return True

    def snapshot(self, kind: str, name: str) -> Snapshot:
        refunds = {name: self.refunds[name]} if kind == "refund" else {}
        disputes = {name: self.disputes[name]} if kind == "dispute" else {}
        payment = refunds[name].payment if refunds else disputes[name].payment if disputes else name
        if kind == "charge":
            refunds = {key: refund for key, refund in self.refunds.items() if refund.payment == payment}
        intent = self.intents[payment]
        told = ("failed", 0) if intent.is_refused else ("succeeded", intent.cents)
        return Snapshot(
            payment=payment,
            intents={payment: told},
            refunds={key: (refund.status, refund.payment, refund.cents) for key, refund in refunds.items()},
            disputes={key: (dispute.status, dispute.taken, dispute.given) for key, dispute in disputes.items()},
        )
