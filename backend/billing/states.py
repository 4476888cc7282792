"""Forward only: which state of a payment, a refund or an invoice comes after which.

Stripe's news arrives repeated and out of order, and what was fetched may be older than what is known. A state with
a lower rank than the known one is old news. The last rank is where the money is.
"""

from backend.billing.models import Payment, Refund

PAYMENT_RANKS = {
    Payment.Status.CREATED: 0,
    Payment.Status.OPEN: 1,
    Payment.Status.ACTION_REQUIRED: 2,
    Payment.Status.FAILED: 3,
    Payment.Status.EXPIRED: 3,
    Payment.Status.SUCCEEDED: 4,
}
REFUND_RANKS = {
    Refund.Status.CREATED: 0,
    Refund.Status.PENDING: 1,
    Refund.Status.SUCCEEDED: 2,
    Refund.Status.FAILED: 3,  # a bank may send back what it took
}
INVOICE_RANKS = {"draft": 0, "open": 1, "uncollectible": 2, "void": 3, "paid": 4}

PAYMENT_UNFINISHED = (Payment.Status.CREATED, Payment.Status.OPEN, Payment.Status.ACTION_REQUIRED)


def payment_is_news(known: str, told: Payment.Status) -> bool:
    return PAYMENT_RANKS[told] > PAYMENT_RANKS[Payment.Status(known)]


def refund_is_news(known: str, told: Refund.Status) -> bool:
    return REFUND_RANKS[told] > REFUND_RANKS[Refund.Status(known)]


def invoice_is_news(known: str, told: str) -> bool:
    return INVOICE_RANKS[told] > INVOICE_RANKS[known]
