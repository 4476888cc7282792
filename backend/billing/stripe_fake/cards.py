"""Stripe's test cards: what each number does when it is saved and when it is charged.

Source: Stripe's testing page. Any expiry in the future and any three digits of CVC are right.
"""

import enum
from dataclasses import dataclass


class Authentication(enum.Enum):
    NEVER = "never"
    UNLESS_SAVED = "unless_saved"  # off the session it is let through once it was set up
    ALWAYS = "always"


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str
    message: str


@dataclass(frozen=True)
class TestCard:
    """`at_save`: refused when attached or charged; `at_charge`: saved without a word, refused when charged."""

    number: str
    brand: str = "visa"
    at_save: Decline | None = None
    at_charge: Decline | None = None
    authentication: Authentication = Authentication.NEVER
    is_disputed: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(decline_code: str) -> Decline:
    return Decline("card_declined", decline_code, "Your card was declined.")


INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

CARDS = {
    card.number: card
    for card in (
        TestCard("4242424242424242"),
        TestCard("5555555555554444", brand="mastercard"),
        TestCard("378282246310005", brand="amex"),
        TestCard("4000000000000002", at_save=_declined("generic_decline")),
        TestCard("4000000000009995", at_save=INSUFFICIENT),
        TestCard("4000000000000069", at_save=EXPIRED),
        TestCard("4000000000000127", at_save=WRONG_CVC),
        TestCard("4000000000000341", at_charge=_declined("generic_decline")),
        TestCard("4000002500003155", authentication=Authentication.UNLESS_SAVED),
        TestCard("4000002760003184", authentication=Authentication.ALWAYS),
        TestCard("4000008260003178", at_charge=INSUFFICIENT, authentication=Authentication.ALWAYS),
        TestCard("4000000000000259", is_disputed=True),
    )
}

# Names that stand for a card where a payment method is asked for.
NAMED_CARDS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "tok_visa": "4242424242424242",
}
