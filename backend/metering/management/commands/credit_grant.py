"""`manage.py credit_grant`: gives an account promotional credit, with who and why in the ledger.

`--source` names the occasion: a repeat with the same one gives nothing more.
"""

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.accounts.models import Account
from backend.metering.services import balance_read, credit_grant

NANO_USD_PER_CENT = 10_000_000
GRANT_CENTS_MAX = 1_000_000  # $10,000: a typo guard


class Command(BaseCommand):
    help = "Grants credit to an account (by its id or a member's e-mail)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="acct_… or a member's e-mail")
        parser.add_argument("usd", help="dollars, as 5 or 5.25")
        parser.add_argument("--actor", required=True, help="who gives it")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--source", required=True, help="the occasion, unique: support-1234")

    def handle(self, *args: Any, **options: Any) -> None:
        whose = options["account"]
        found = Account.objects.filter(memberships__user__email=whose.lower()) | Account.objects.filter(id=whose)
        account = found.distinct().first()
        if account is None:
            raise CommandError(f"No account {whose!r}.")
        is_new = credit_grant(
            account_id=account.id,
            amount_nano_usd=_nano_usd(options["usd"]),
            source=f"grant:manual:{account.id}:{options['source']}",
            actor=options["actor"],
            reason=options["reason"],
        )
        balance = balance_read(account.id).total_nano_usd
        self.stdout.write(f"{'granted' if is_new else 'was granted before'}; balance {balance} n$")


def _nano_usd(text: str) -> int:
    """Dollars and cents as text to n$, without a float in between."""
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{2}))?", text)
    cents = int(found.group(1)) * 100 + int(found.group(2) or 0) if found else 0
    if not 0 < cents <= GRANT_CENTS_MAX:
        raise CommandError(f"{text!r} is not an amount of dollars between 0.01 and {GRANT_CENTS_MAX // 100}.")
    return cents * NANO_USD_PER_CENT
