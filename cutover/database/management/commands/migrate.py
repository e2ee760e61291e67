"""`manage.py migrate`: Django's command, under the owner role; then the application role gets its rights."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection

from cutover.database import roles
from cutover.database.connection import as_owner
from cutover.database.conversion import Roles, prepare_new, run

CONVERT = (
    "The tables are up to date, but the panel must not start: the role {role} of DATABASE_URL {problems}. "
    "Look at `manage.py database_roles --dry-run`, then run it without --dry-run (docs/how-to/upgrade.md)."
)


class Command(migrate.Command):
    """Migrates as the role of DATABASE_OWNER_URL, and grants the role of DATABASE_URL what it needs."""

    def handle(self, *args: Any, **options: Any) -> None:
        """As Django's, except for the roles. Raises `CommandError` for a too powerful application role."""
        with as_owner():
            super().handle(*args, **options)
            if options["plan"] or options["check_unapplied"]:
                return
            self._grant()

    def _grant(self) -> None:
        role = Roles.from_settings()
        with connection.cursor() as cursor:
            run(prepare_new(role, cursor), role.owner)
            problems = roles.problems_of(role.application, cursor)
        if problems:
            raise CommandError(CONVERT.format(role=role.application, problems=" and ".join(problems)))
