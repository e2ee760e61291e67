"""Gives the panel's database its two roles: prints the statements, or runs them in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from cutover.database import roles
from cutover.database.layout import Layout

SAME_ROLE = (
    "DATABASE_URL and DATABASE_OWNER_URL are the same role, {role}. The owner can turn every rule of the "
    "database off, so the panel must not work as it. Keep {role} in DATABASE_OWNER_URL and name a new role "
    "in DATABASE_URL; this command makes it, when the owner may create roles."
)
NOT_ALLOWED = (
    "The owner {owner} could not run this statement:\n    {statement}\nPostgreSQL says: {why}\n"
    "No role and no right was changed. Let an administrator of the server run what "
    "`manage.py database_roles --dry-run` prints, then repeat this command."
)


@dataclass(frozen=True)
class Roles:
    """The two roles, as the settings name them. Use it inside `as_owner`."""

    owner: str
    application: str
    password: str

    @classmethod
    def from_settings(cls) -> Roles:
        """Raises `CommandError` when both are the same."""
        named = settings.DATABASE_APPLICATION
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            owner: str = cursor.fetchone()[0]
        application = str(named["USER"])
        if owner == application:
            raise CommandError(SAME_ROLE.format(role=owner))
        return cls(owner, application, str(named.get("PASSWORD") or ""))

    def exists(self, cursor: CursorWrapper) -> bool:
        """Whether the application role is there."""
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [self.application])
        return cursor.fetchone() is not None


def convert(role: Roles, cursor: CursorWrapper) -> Iterator[sql.Composed]:
    """Every statement that turns the database as it is into one with two roles."""
    if not role.exists(cursor):
        yield roles.create(role.application, role.password)
    yield from roles.weaken(role.application, role.owner, cursor)
    layout = Layout(cursor, role.application)
    yield from layout.ownership(role.owner)
    yield from layout.rights()


def prepare_new(role: Roles, cursor: CursorWrapper) -> Iterator[sql.Composed]:
    """What `migrate` does after it has migrated: makes a missing role, and gives it its rights."""
    if not role.exists(cursor):
        yield roles.create(role.application, role.password)
    yield from Layout(cursor, role.application).rights()


def run(statements: Iterator[sql.Composed], owner: str) -> int:
    """Runs them one after the other in one transaction; gives their number. Raises `CommandError`."""
    count, statement = 0, sql.Composed([])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.as_string(cursor.connection))
                count += 1
    except DatabaseError as error:
        why = str(error).strip().splitlines()[0]
        raise CommandError(NOT_ALLOWED.format(owner=owner, statement=shown(statement), why=why)) from error
    return count


def shown(statement: sql.Composed) -> str:
    """A statement as text, with the password masked."""
    with connection.cursor() as cursor:
        text: str = statement.as_string(cursor.connection)
    before, found, _ = text.partition(" PASSWORD ")
    return f"{before}{found}'…'" if found else text
