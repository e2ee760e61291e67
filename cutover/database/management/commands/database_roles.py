"""`manage.py database_roles`: converts a panel whose one role owned everything into one with two roles."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from cutover.database import roles
from cutover.database.connection import as_owner
from cutover.database.conversion import Roles, convert, run, shown


class Command(BaseCommand):
    """Needs DATABASE_OWNER_URL (the role that owns the tables, or shall) and DATABASE_URL."""

    help = "Gives tables to the owner role, rights to the application role; --dry-run prints how."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--dry-run."""
        parser.add_argument("--dry-run", action="store_true", help="print the statements; change nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        """Raises `CommandError` when the owner may not do it; then nothing was changed."""
        with as_owner():
            role = Roles.from_settings()
            if dry_run:
                self._print(role)
            else:
                self._convert(role)

    def _print(self, role: Roles) -> None:
        with connection.cursor() as cursor, transaction.atomic():
            for statement in convert(role, cursor):
                self.stdout.write(shown(statement) + ";")

    def _convert(self, role: Roles) -> None:
        with connection.cursor() as cursor:
            count = run(convert(role, cursor), role.owner)
            problems = roles.problems_of(role.application, cursor)
        if problems:
            raise CommandError(
                f"{count} statements were run, but {role.application} still {' and '.join(problems)}. "
                "The first role of a server stays a superuser: keep it as the owner, and name another role "
                "in DATABASE_URL."
            )
        self.stdout.write(
            f"Done: {count} statements. {role.owner} owns the tables, and {role.application} has the rights "
            "that the panel needs."
        )
