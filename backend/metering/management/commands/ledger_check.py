"""`manage.py ledger_check`: the money proof as JSON; exit status 1 when a claim does not hold."""

import dataclasses
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from backend.metering.ledger_check import ledger_check


class Command(BaseCommand):
    help = "Checks that the ledger sums to zero, balances match it, and holds match open runs."

    def handle(self, *args: Any, **options: Any) -> None:
        report = ledger_check()
        self.stdout.write(json.dumps({**dataclasses.asdict(report), "is_sound": report.is_sound}))
        if not report.is_sound:
            sys.exit(1)
