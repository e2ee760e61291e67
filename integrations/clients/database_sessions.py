"""Who is connected to a database, of all roles: DROP and RENAME DATABASE wait for them without lock_timeout.

PostgreSQL waits five seconds for other sessions and prepared transactions, then refuses with 55006. It ends
autovacuum's workers itself, so they are not counted here
(postgresql.org/docs/current/sql-alterdatabase.html, sql-dropdatabase.html).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

from integrations.clients.blocking_sessions import ABOUT_SESSION, BlockingSession, join_sessions
from integrations.clients.postgres_errors import describe_error
from integrations.clients.watched_connection import LockReport
from integrations.errors import Problem

POLL = 0.1  # seconds between two looks
#: A worker of autovacuum belongs to no role.
SESSIONS = f"""
select a.pid, {ABOUT_SESSION} from pg_stat_activity a
where a.datname = %s and a.pid <> pg_backend_pid() and a.usename is not null order by a.backend_start, a.pid
"""  # noqa: S608 - constants
PREPARED = """
select gid, owner, database, extract(epoch from clock_timestamp() - prepared)::float8
from pg_prepared_xacts where database = %s order by gid
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class DatabaseUsers:
    """The sessions in a database and its prepared transactions, as they are now."""

    database: str
    sessions: list[BlockingSession]
    prepared: list[BlockingSession]

    def __bool__(self) -> bool:
        return bool(self.sessions or self.prepared)

    def __str__(self) -> str:
        return join_sessions([*self.sessions, *self.prepared])

    @property
    def advice(self) -> str:
        """What a person can do about each."""
        return " ".join(each.advice for each in (*self.sessions, *self.prepared))


def find_database_users(admin: Connection, database: str) -> DatabaseUsers:
    """Returns who is connected to the database, except ``admin`` itself. Needs no privilege."""
    sessions = [BlockingSession(*row) for row in admin.execute(SESSIONS, [database]).fetchall()]
    prepared = [
        BlockingSession(0, owner, database=name, transaction=seconds, gid=gid)
        for gid, owner, name, seconds in admin.execute(PREPARED, [database]).fetchall()
    ]
    return DatabaseUsers(database, sessions, prepared)


def refuse_prepared_transactions(admin: Connection, *databases: str) -> None:
    """Raises `Problem` for a prepared transaction in one of the databases: no session can be ended for it."""
    for database in databases:
        if users := find_database_users(admin, database).prepared:
            raise Problem(
                f"{database} cannot be renamed or dropped because of {join_sessions(users)}.",
                means="PostgreSQL waits for it, and it survives every restart. Nothing was changed.",
                next=f"{' '.join(each.advice for each in users)} Then start the item again.",
            )


def end_database_sessions(admin: Connection, database: str, report: LockReport, *, seconds: float) -> None:
    """Ends every session in a database that takes no new ones, and returns when the last is gone.

    Names each session in the log before it is ended. Raises `Problem` with those that are left after
    ``seconds``, and with the first that our role may not end.
    """
    until, named = time.monotonic() + seconds, set[int]()
    while users := find_database_users(admin, database):
        for session in users.sessions:
            if session.pid not in named:
                named.add(session.pid)
                report.log(f"Ending in {database}: {session}.")
            _terminate(admin, database, session)
        if time.monotonic() > until:
            raise Problem(
                f"After {seconds:g} s {database} is still in use: {users}.",
                means="What was done before is reverted; the database keeps its name.",
                next=f"{users.advice} Then start the item again.",
            )
        time.sleep(POLL)


def wait_until_unused(admin: Connection, database: str, report: LockReport | None, *, seconds: float) -> None:
    """Returns when nobody is connected to the database; ends no session.

    Raises `Problem`, which names who still is after ``seconds``.
    """
    until, said = time.monotonic() + seconds, ""
    while users := find_database_users(admin, database):
        who = ",".join(f"{each.pid}{each.gid}" for each in (*users.sessions, *users.prepared))
        if report is not None:
            report.raise_if_cancelled()
            if who != said:
                said = who
                report.log(f"Waiting until nobody uses {database}: {users}. {users.advice}")
        if time.monotonic() > until:
            raise Problem(
                f"After {seconds:g} s {database} is still in use: {users}.",
                means="Nothing was changed.",
                next=f"{users.advice} Then start the item again.",
            )
        time.sleep(POLL)


@contextmanager
def explain_users(admin: Connection, database: str) -> Iterator[None]:
    """Turns PostgreSQL's refusal of a statement about a database in use into a `Problem` that names who."""
    try:
        yield
    except (errors.ObjectInUse, errors.InsufficientPrivilege, errors.QueryCanceled) as error:
        users = find_database_users(admin, database)
        if not users and not isinstance(error, errors.ObjectInUse):
            raise
        raise Problem(
            f"PostgreSQL refused: {describe_error(error)}. Connected to {database}: {users}.",
            means=f"{database} is as it was, unless it was being dropped: then it can only be dropped again.",
            next=f"{users.advice} Then start the item again.".strip(),
        ) from error


def _terminate(admin: Connection, database: str, session: BlockingSession) -> None:
    try:
        admin.execute("select pg_terminate_backend(%s)", [session.pid])
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not end a session in {database}: {session}. "
            f"PostgreSQL: {describe_error(error)}.",
            means="What was done before is reverted; the database keeps its name.",
            next=f"Have it ended, or GRANT pg_signal_backend TO {admin.info.user} (only a superuser can end "
            "a superuser's session). Then start the item again.",
        ) from None
