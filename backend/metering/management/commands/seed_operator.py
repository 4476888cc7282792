"""`manage.py seed_operator`: what a fresh production Svend needs before somebody signs in. Repeats change nothing.

The operator of SVEND_ADMIN_EMAIL with SVEND_ADMIN_PASSWORD, their account, and the price that pages show. A model's
own price is a decision of a person, on the prices page.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from backend.accounts.models import Membership
from backend.accounts.services import account_create, operator_create
from backend.metering.services import DEFAULT_PRICE, FIRST_MODEL, FIRST_PRICE_NANO_USD_PER_TOKEN, price_set


class Command(BaseCommand):
    help = "Seeds the first operator and the first prices of a production server."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, value in (("EMAIL", settings.ADMIN_EMAIL), ("PASSWORD", settings.ADMIN_PASSWORD)):
            if not value:
                raise CommandError(f"SVEND_ADMIN_{name} is not set: nobody could sign in.")
        with transaction.atomic():
            for model in (FIRST_MODEL, DEFAULT_PRICE):
                price_set(model=model, nano_usd_per_token=FIRST_PRICE_NANO_USD_PER_TOKEN)
            operator = operator_create(email=settings.ADMIN_EMAIL, password=settings.ADMIN_PASSWORD)
            if not Membership.objects.filter(user=operator).exists():
                account_create(name="Operators", owner=operator)
        self.stdout.write(f"operator: {operator.email}")
