"""`manage.py application_role NAME`: gives the product's database role its rights. Run as the tables' owner, after
`migrate`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.core.application_role import application_role_grant


class Command(BaseCommand):
    help = "Grants the role that the product runs as its rights on all tables; with --make, makes it first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role")
        parser.add_argument("--make", action="store_true", help="make the role if it is missing")
        parser.add_argument("--password-file", type=Path, help="the role's password is set to this file's text")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["password_file"]
        password = file.read_text(encoding="utf-8").strip() if file else ""
        if file and not password:
            raise CommandError(f"{file} is empty: put the role's password into it")
        application_role_grant(options["role"], is_made_here=options["make"], password=password)
        self.stdout.write(f"{options['role']} may read and write rows, and owns nothing")
