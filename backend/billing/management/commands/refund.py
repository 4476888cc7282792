"""`manage.py refund`: pays unspent credit of a payment back to the card, as an operator.

A repeat with the same `--key` refunds nothing more.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.billing.models import Payment
from backend.billing.refunds import refund_start
from backend.core.errors import ApplicationError


class Command(BaseCommand):
    help = "Refunds a payment, whole or in part."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("payment", help="pay_…")
        parser.add_argument("cents", type=int, help="of credit, in whole cents; tax goes back with it")
        parser.add_argument("--actor", required=True, help="who refunds")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--key", required=True, help="the occasion, unique: support-1234")

    def handle(self, *args: Any, **options: Any) -> None:
        payment = Payment.objects.filter(id=options["payment"]).first()
        if payment is None:
            raise CommandError(f"No payment {options['payment']!r}.")
        try:
            made = refund_start(
                account_id=payment.account_id,
                payment_id=payment.id,
                amount_cents=options["cents"],
                idempotency_key=f"operator:{options['key']}",
                actor=options["actor"],
                reason=options["reason"],
            )
        except ApplicationError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{made.id}: {made.status}")
