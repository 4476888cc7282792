"""Who an account is at Stripe, and the card it lets us charge."""

from backend.accounts.models import Account, Membership
from backend.billing import stripe_client
from backend.billing.models import Customer
from backend.billing.stripe_objects import Card

NO_CARD = {"payment_method_id": "", "card_brand": "", "card_last4": "", "card_exp_month": 0, "card_exp_year": 0}


def customer_ensure(account_id: str) -> Customer:
    """The account's customer, made at Stripe at the first use. Two at once agree: the key is the account's."""
    found = Customer.objects.filter(account_id=account_id).first()
    if found is not None:
        return found
    account = Account.objects.get(id=account_id)
    made = stripe_client.customer_create(account_id=account_id, name=account.name, email=owner_email(account_id))
    return Customer.objects.get_or_create(account_id=account_id, defaults={"stripe_customer_id": made})[0]


def owner_email(account_id: str) -> str:
    owner = Membership.objects.filter(account_id=account_id, role=Membership.Role.OWNER).select_related("user")
    found = owner.order_by("id").first()
    return found.user.email if found else ""


def customer_of(stripe_customer_id: str | None) -> Customer | None:
    """None: no customer of ours."""
    return Customer.objects.filter(stripe_customer_id=stripe_customer_id).first() if stripe_customer_id else None


def card_keep(*, account_id: str, card: Card) -> None:
    Customer.objects.filter(account_id=account_id).update(
        payment_method_id=card.payment_method_id,
        card_brand=card.brand,
        card_last4=card.last4,
        card_exp_month=card.exp_month,
        card_exp_year=card.exp_year,
    )


def card_forget(payment_method_id: str) -> int:
    """Forgets a card that was taken away at Stripe. How many accounts had it: 0 or 1."""
    return Customer.objects.filter(payment_method_id=payment_method_id).update(**NO_CARD)
