"""`manage.py seed_local`: what a fresh local Svend needs of accounts and money. Repeats change nothing.

The last line of its output is JSON for the supervisor. Everything it makes is real: a price row, an account
with a grant in the ledger, an admin, a key. Models and nodes are `seed_models`.
"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from backend.accounts.callers import ALL_SCOPES
from backend.accounts.models import Account, Membership, User
from backend.accounts.services import (
    account_create,
    api_key_authenticate,
    api_key_create,
    membership_add,
    operator_create,
)
from backend.accounts.welcome import welcome_link_make
from backend.core.errors import NotAuthenticated
from backend.metering.services import (
    DEFAULT_PRICE,
    FIRST_MODEL,
    FIRST_PRICE_NANO_USD_PER_TOKEN,
    credit_grant,
    price_set,
)

LOCAL_GRANT_NANO_USD = 100_000_000_000  # $100
LOCAL_REQUESTS_PER_MINUTE = 10_000  # the owner of the machine is not to be slowed down
LOCAL_TOKENS_PER_MINUTE = 100_000_000


class Command(BaseCommand):
    help = "Seeds price, local account with its grant, admin and key; prints JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_LOCAL:
            raise CommandError("seed_local makes an account that needs no key: only with SVEND_LOCAL=1.")
        with transaction.atomic():
            for model in (FIRST_MODEL, DEFAULT_PRICE):
                price_set(model=model, nano_usd_per_token=FIRST_PRICE_NANO_USD_PER_TOKEN)
            account = _local_account()
            admin = _admin(account)
            api_key = _api_key(account, "api_key", name="first key")
            operator_key = _api_key(
                account,
                "operator_key",
                name="this machine's terminal",
                scopes=sorted(ALL_SCOPES),
                created_by_id=admin.pk,
            )
            link = welcome_link_make(user=admin)
        seed = {
            "url": settings.PUBLIC_URL,
            "api_key": api_key,
            "operator_key": operator_key,  # `svend train` and the like: acts for the admin
            "model": FIRST_MODEL,
            "admin_email": admin.email,
            "admin_link": settings.PUBLIC_URL + link,
        }
        self.stdout.write(json.dumps(seed))


def _local_account() -> Account:
    account = Account.objects.filter(is_local=True).first() or account_create(
        name="This machine",
        owner=None,
        is_local=True,
        requests_per_minute=LOCAL_REQUESTS_PER_MINUTE,
        tokens_per_minute=LOCAL_TOKENS_PER_MINUTE,
    )
    credit_grant(
        account_id=account.id,
        amount_nano_usd=LOCAL_GRANT_NANO_USD,
        source=f"grant:local:{account.id}",
        actor="manage.py seed_local",
        reason="credit of the local account, so that a first run is billed like every other",
    )
    return account


def _admin(account: Account) -> User:
    admin = operator_create(email=settings.ADMIN_EMAIL or "admin@svend.local", password=settings.ADMIN_PASSWORD)
    membership_add(account=account, user=admin, role=Membership.Role.OWNER)
    return admin


def _api_key(account: Account, field: str, **made_with: Any) -> str:
    """The key of the last start while it works, so that a program's key outlives a restart; else a new one."""
    first_run = Path(settings.SVEND_DATA) / "first-run.json"
    if first_run.is_file():
        raw = str(json.loads(first_run.read_text()).get(field, ""))
        try:
            if api_key_authenticate(raw).account_id == account.id:
                return raw
        except NotAuthenticated:
            pass  # revoked or of another database: a new one is made below
    return api_key_create(account_id=account.id, **made_with)[1]
