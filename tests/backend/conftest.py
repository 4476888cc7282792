"""The cast of the backend's tests: two accounts that pay, a key, a price. Real PostgreSQL and Valkey."""

import pytest

from backend.accounts.models import Account, ApiKey, User
from backend.accounts.services import account_create, api_key_create
from backend.core.valkey import valkey
from backend.metering.services import credit_grant, price_set
from tests.backend.s3_server import bucket, moto

__all__ = ["bucket", "moto"]  # fixtures

MODEL = "svend-nano"
PRICE = 3_000


@pytest.fixture(autouse=True)
def _fresh_valkey() -> None:
    valkey().flushdb()


@pytest.fixture
def price(db: None) -> int:
    price_set(model=MODEL, nano_usd_per_token=PRICE)
    return PRICE


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.org", "correct horse battery")


@pytest.fixture
def account(alice: User) -> Account:
    """Alice's, with the $1 of a new account."""
    return account_create(name="alice", owner=alice)


@pytest.fixture
def api_key(account: Account) -> tuple[ApiKey, str]:
    return api_key_create(account_id=account.id, name="first")


@pytest.fixture
def other_account(db: None) -> Account:
    bob = User.objects.create_user("bob@example.org", "another horse battery")
    return account_create(name="bob", owner=bob)


def grant(account: Account, amount_nano_usd: int, source: str = "grant:test") -> None:
    credit_grant(
        account_id=account.id,
        amount_nano_usd=amount_nano_usd,
        source=f"{source}:{account.id}",
        actor="tests",
        reason="a test needs it",
    )
