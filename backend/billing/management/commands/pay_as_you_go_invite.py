"""`manage.py pay_as_you_go_invite`: lets an account pay afterwards, up to a credit limit. Again: changes the limit."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.accounts.models import Account
from backend.billing.pay_as_you_go import invite


class Command(BaseCommand):
    help = "Invites an account (by its id) to pay-as-you-go with a credit limit in whole dollars."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="acct_…")
        parser.add_argument("limit_usd", type=int, help="how far below 0 its balance may go, in whole dollars")
        parser.add_argument("--actor", required=True, help="who invites")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not Account.objects.filter(id=options["account"]).exists():
            raise CommandError(f"No account {options['account']!r}.")
        agreement = invite(
            account_id=options["account"],
            credit_limit_nano_usd=options["limit_usd"] * 10**9,
            actor=options["actor"],
            reason=options["reason"],
        )
        self.stdout.write(f"{agreement.status}; limit {agreement.credit_limit_nano_usd} n$")
