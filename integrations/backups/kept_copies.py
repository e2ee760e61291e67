"""Copies of production's data on the scratch server, which stay until an item drops them."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from integrations.backups.scratch_database import DROP_SECONDS, PREFIX, drop_database
from integrations.clients import lock_waits, postgres
from integrations.clients.database_sessions import (
    DatabaseUsers,
    explain_users,
    find_database_users,
    wait_until_unused,
)
from integrations.clients.postgres_errors import describe_error
from integrations.clients.watched_connection import LockReport
from integrations.errors import Problem

SUFFIX = "_rehearsal"
MARK = "Cutover keeps this copy of the backup with SHA-256 "
COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
LONGEST_NAME = 63  # bytes of a database name


def make_copy_name(database: str) -> str:
    """Returns the name of the copy; every rehearsal uses the same, so that a leftover is replaced."""
    return database[: LONGEST_NAME - len(SUFFIX)] + SUFFIX


def create_copy(
    server: str, database: str, *, attempt: str, report: LockReport, lock_wait: float = postgres.LOCK_WAIT
) -> str:
    """Creates a fresh copy of a database on that server and returns its URL; replaces an earlier copy.

    PostgreSQL copies only a database that nobody is connected to. Raises `Problem`, with the names of those
    who still are, when the database cannot be copied.
    """
    name = make_copy_name(database)
    with postgres.connect(server, attempt=attempt, report=report, lock_wait=lock_wait) as admin:
        drop_database(admin, name, report.log)
        wait_until_unused(admin, database, report, seconds=lock_wait)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(database)
        )
        try:
            with explain_users(admin, database):
                lock_waits.execute_alone(admin, statement)
        except psycopg.Error as error:
            raise Problem(
                f"The restored backup {database} cannot be copied: {describe_error(error)}.",
                means="The rehearsal needs a copy, so that the restored backup stays as it is.",
                next="Check that the login may create databases, and that the disk has room.",
            ) from None
    return postgres.with_database(server, name)


def mark_kept(admin: postgres.Connection, name: str, sha256: str) -> None:
    """Notes in the database's comment of which backup it is, and makes new sessions in it read-only.

    Neither is copied by CREATE DATABASE … TEMPLATE, so that a rehearsal can write to its own copy.
    """
    comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
    mark = comment.format(sql.Identifier(name), sql.Literal(f"{MARK}{sha256}"))
    lock_waits.execute_change(admin, mark)
    setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
    lock_waits.execute_change(admin, setting.format(sql.Identifier(name)))


def find_foreign_mark(copy: postgres.Connection, sha256: str) -> str:
    """Why a kept copy is not the one of this backup, in a sentence; empty when nothing says so.

    Copies that an earlier version of the panel kept have no mark.
    """
    row = copy.execute(COMMENT).fetchone()
    comment = str(row[0]) if row and row[0] else ""
    if not comment.startswith(MARK) or comment == f"{MARK}{sha256}":
        return ""
    return f"it was restored from another backup (SHA-256 {comment.removeprefix(MARK)[:12]}…)"


def is_copy(name: str) -> bool:
    """Whether a name is one that the panel gives to a restored backup, or to a copy of one."""
    return name.startswith(PREFIX)


def find_existing(admin: postgres.Connection, names: Sequence[str]) -> list[str]:
    """Returns those of the names that are databases of this server, in their order."""
    rows = admin.execute("SELECT datname FROM pg_database WHERE datname = ANY (%s)", [list(names)]).fetchall()
    there = {row[0] for row in rows}
    return [name for name in names if name in there]


def find_copy_users(admin: postgres.Connection, names: Sequence[str]) -> list[DatabaseUsers]:
    """Returns, for each of these databases that somebody uses, who that is."""
    return [users for name in names if (users := find_database_users(admin, name))]


def drop_unused(admin: postgres.Connection, name: str) -> None:
    """Drops a copy. Raises `Problem` when somebody has connected to it meanwhile; ends no session."""
    if not is_copy(name):
        raise ValueError(f"{name} is no copy of the panel")
    with explain_users(admin, name):
        statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        lock_waits.execute_alone(admin, statement, longest=DROP_SECONDS)
