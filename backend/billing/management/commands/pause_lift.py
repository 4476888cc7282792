"""`manage.py pause_lift`: lets a paused account run again, with who and why in the audit log.

The reason of the pause itself (a dispute, an unpaid invoice) is not touched by it.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.billing.models import Pause
from backend.billing.pauses import pause_lift


class Command(BaseCommand):
    help = "Lifts an open pause by its source; without one, lists the open ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="?", help="dispute:du_… or invoice:in_…")
        parser.add_argument("--actor", default="", help="who lifts it")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        source = options["source"]
        if source is None:
            for pause in Pause.objects.filter(lifted_at=None).order_by("paused_from"):
                self.stdout.write(f"{pause.source}  {pause}")
            return
        found = Pause.objects.filter(source=source, lifted_at=None).first()
        if found is None:
            raise CommandError(f"There is no open pause {source!r}.")
        if not (options["actor"] and options["reason"]):
            raise CommandError("Say --actor and --reason: this is audited.")
        pause_lift(
            account_id=found.account_id,
            source=source,
            actor=options["actor"],
            reason=options["reason"],
            now=timezone.now(),
        )
        self.stdout.write(f"lifted; {found.account_id} may run again unless it is paused for something else")
