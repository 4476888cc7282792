"""What we read of Stripe's objects: a few fields each, as frozen values. Pure; knows neither network nor database.

Amounts are whole US cents. Anything a field's absence could mean is decided here, so that the flows see facts.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = Mapping[str, Any]

CURRENCY = "usd"


@dataclass(frozen=True, kw_only=True)
class Card:
    """All that is kept of a card."""

    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, kw_only=True)
class Customer:
    id: str
    default_card: Card | None


@dataclass(frozen=True, kw_only=True)
class CheckoutSession:
    id: str
    status: Literal["open", "complete", "expired"]
    url: str | None  # only while open
    payment_intent_id: str | None
    payment_id: str  # ours, of its metadata; empty: not made by us


@dataclass(frozen=True, kw_only=True)
class PaymentIntent:
    id: str
    status: str  # requires_payment_method, requires_action, processing, succeeded, canceled, …
    created_at: dt.datetime
    customer_id: str | None
    amount_cents: int
    received_cents: int
    payment_id: str
    error_code: str  # of the last refusal: card_declined, authentication_required, …
    decline_code: str
    error_message: str
    action_url: str | None  # where the customer's bank wants to see them
    card: Card | None
    is_card_kept: bool  # the customer agreed that we charge it later


@dataclass(frozen=True, kw_only=True)
class Refund:
    id: str
    status: str  # pending, succeeded, failed, canceled, requires_action
    amount_cents: int
    payment_intent_id: str | None
    refund_id: str  # ours; empty: made in Stripe's dashboard


@dataclass(frozen=True, kw_only=True)
class Dispute:
    id: str
    status: str  # warning_*, needs_response, under_review, won, lost, prevented
    payment_intent_id: str | None
    withdrawn_cents: int  # what the bank took from us, ever
    reinstated_cents: int  # what it gave back
    created_at: dt.datetime
    answer_by: dt.datetime | None

    @property
    def is_open(self) -> bool:
        return self.status in ("needs_response", "under_review")


@dataclass(frozen=True, kw_only=True)
class Invoice:
    id: str
    status: str  # draft, open, paid, uncollectible, void
    customer_id: str | None
    subscription_id: str | None
    number: str
    paid_cents: int
    tax_cents: int
    due_cents: int
    metered_units: int  # of our meter, on its lines
    metered_cents: int  # what these lines charge for them
    is_attempted: bool
    next_attempt_at: dt.datetime | None
    payment_intent_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Subscription:
    id: str
    status: str
    customer_id: str

    @property
    def is_alive(self) -> bool:
        return self.status in ("active", "trialing", "past_due", "unpaid")


@dataclass(frozen=True, kw_only=True)
class BalanceTransaction:
    """One line of our account at Stripe."""

    id: str
    type: str  # charge, refund, adjustment, payout, …
    category: str  # charge, refund, dispute, dispute_reversal, payout, fee, …
    source_id: str  # ch_…, re_…, du_…
    payment_intent_id: str | None
    amount_cents: int
    fee_cents: int
    created_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Event:
    """A webhook's envelope. Only the object's id is believed: the object itself is fetched."""

    id: str
    type: str
    is_live: bool
    created_at: dt.datetime
    object_id: str
    object: Json


# --- Reading


def _id_of(value: Any) -> str | None:
    """An expandable field: an id, or the object that has it."""
    if value is None or isinstance(value, str):
        return value
    return str(value["id"])


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _our_id(raw: Json, name: str) -> str:
    return str((raw.get("metadata") or {}).get(name, ""))


def card_read(method: Any) -> Card | None:
    """The card of an expanded payment method; None for an id, for nothing, and for other methods."""
    if not isinstance(method, Mapping) or method.get("type") != "card":
        return None
    card = method["card"]
    return Card(
        payment_method_id=str(method["id"]),
        brand=str(card["brand"]),
        last4=str(card["last4"]),
        exp_month=int(card["exp_month"]),
        exp_year=int(card["exp_year"]),
    )


def customer_read(raw: Json) -> Customer:
    settings = raw.get("invoice_settings") or {}
    return Customer(id=str(raw["id"]), default_card=card_read(settings.get("default_payment_method")))


def checkout_session_read(raw: Json) -> CheckoutSession:
    return CheckoutSession(
        id=str(raw["id"]),
        status=raw["status"],
        url=raw.get("url"),
        payment_intent_id=_id_of(raw.get("payment_intent")),
        payment_id=_our_id(raw, "payment_id"),
    )


def payment_intent_read(raw: Json) -> PaymentIntent:
    error = raw.get("last_payment_error") or {}
    action = raw.get("next_action") or {}
    return PaymentIntent(
        id=str(raw["id"]),
        status=str(raw["status"]),
        created_at=_moment(raw["created"]),
        customer_id=_id_of(raw.get("customer")),
        amount_cents=int(raw["amount"]),
        received_cents=int(raw["amount_received"]),
        payment_id=_our_id(raw, "payment_id"),
        error_code=str(error.get("code") or ""),
        decline_code=str(error.get("decline_code") or ""),
        error_message=str(error.get("message") or ""),
        action_url=(action.get("redirect_to_url") or {}).get("url"),
        card=card_read(raw.get("payment_method")),
        is_card_kept=raw.get("setup_future_usage") == "off_session",
    )


def refund_read(raw: Json) -> Refund:
    return Refund(
        id=str(raw["id"]),
        status=str(raw["status"]),
        amount_cents=int(raw["amount"]),
        payment_intent_id=_id_of(raw.get("payment_intent")),
        refund_id=_our_id(raw, "refund_id"),
    )


def dispute_read(raw: Json) -> Dispute:
    moved = [int(line["amount"]) for line in raw["balance_transactions"]]
    due = (raw.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=str(raw["id"]),
        status=str(raw["status"]),
        payment_intent_id=_id_of(raw.get("payment_intent")),
        withdrawn_cents=-sum(amount for amount in moved if amount < 0),
        reinstated_cents=sum(amount for amount in moved if amount > 0),
        created_at=_moment(raw["created"]),
        answer_by=_moment(due) if due else None,
    )


def invoice_read(raw: Json, *, price_id: str) -> Invoice:
    """`price_id`: the metered price, whose lines count as `metered_units`."""
    parent = (raw.get("parent") or {}).get("subscription_details") or {}
    attempt = raw.get("next_payment_attempt")
    payments = (raw.get("payments") or {}).get("data") or []
    metered = [line for line in raw["lines"]["data"] if _price_of(line) == price_id]
    intents = [_id_of(payment["payment"].get("payment_intent")) for payment in payments]
    return Invoice(
        id=str(raw["id"]),
        status=str(raw["status"]),
        customer_id=_id_of(raw.get("customer")),
        subscription_id=_id_of(parent.get("subscription")),
        number=str(raw.get("number") or ""),
        paid_cents=int(raw["amount_paid"]),
        tax_cents=sum(int(tax["amount"]) for tax in raw.get("total_taxes") or []),
        due_cents=int(raw["amount_due"]),
        metered_units=sum(int(line.get("quantity") or 0) for line in metered),
        metered_cents=sum(int(line["amount"]) for line in metered),
        is_attempted=bool(raw.get("attempted")),
        next_attempt_at=_moment(attempt) if attempt else None,
        payment_intent_ids=tuple(intent for intent in intents if intent),
    )


def _price_of(line: Json) -> str | None:
    details = (line.get("pricing") or {}).get("price_details") or {}
    return _id_of(details.get("price"))


def subscription_read(raw: Json) -> Subscription:
    return Subscription(id=str(raw["id"]), status=str(raw["status"]), customer_id=str(_id_of(raw["customer"])))


def balance_transaction_read(raw: Json) -> BalanceTransaction:
    """`source` must be expanded: a charge is known to us by its PaymentIntent."""
    source = raw.get("source")
    intent = source.get("payment_intent") if isinstance(source, Mapping) else None
    return BalanceTransaction(
        id=str(raw["id"]),
        type=str(raw["type"]),
        category=str(raw["reporting_category"]),
        source_id=_id_of(source) or "",
        payment_intent_id=_id_of(intent),
        amount_cents=int(raw["amount"]),
        fee_cents=int(raw["fee"]),
        created_at=_moment(raw["created"]),
    )


def event_read(raw: Json) -> Event:
    thing = raw["data"]["object"]
    return Event(
        id=str(raw["id"]),
        type=str(raw["type"]),
        is_live=bool(raw["livemode"]),
        created_at=_moment(raw["created"]),
        object_id=str(thing.get("id") or ""),
        object=thing,
    )
