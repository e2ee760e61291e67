"""Applies an alignment to a copy of a restored backup, and measures what it takes: time and locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.clients.prisma import replace_database
from integrations.clients.sql_review.reading import cut
from integrations.clients.sql_review.script import quoted
from integrations.errors import Problem

SUFFIX = "_rehearsal"
LONGEST_NAME = 63  # bytes of a database name
#: Table locks that make somebody wait, strongest first.
LOCKS = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
SLOWEST = 10


@dataclass(frozen=True)
class Measured:
    """How long the whole took, its slowest statements, and the strong locks with the time they were held."""

    seconds: float
    statements: int
    slowest: list[dict[str, Any]]
    locks: list[dict[str, Any]]


def copy_name(database: str) -> str:
    """The name of the copy: the same for every rehearsal, so that a leftover is found and replaced."""
    return database[: LONGEST_NAME - len(SUFFIX)] + SUFFIX


@contextmanager
def copy_of(server: str, database: str, *, attempt: str) -> Iterator[str]:
    """A fresh copy of a database on that server, by its URL; dropped in the end, whatever happened."""
    name = copy_name(database)
    with postgres.connect(server, attempt=attempt) as admin:
        _drop(admin, name)
        try:
            admin.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(database)}".encode())
        except psycopg.Error as error:
            raise Problem(
                f"The restored backup {database} cannot be copied: {error.diag.message_primary}.",
                means="The rehearsal needs a copy, so that the restored backup stays as it is.",
                next="See that nobody is connected to it, and that the login may create databases there.",
            ) from None
    try:
        yield replace_database(server, name)
    finally:
        with postgres.connect(server, attempt=attempt) as admin:
            _drop(admin, name)


def _drop(admin: Connection, name: str) -> None:
    admin.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)".encode())


def apply_measured(url: str, sql: str, *, attempt: str, tick: Callable[[int, int, str], None]) -> Measured:
    """Applies a script in one transaction, statement by statement with a clock, and commits.

    ``tick`` is told number, total and summary before each statement; it may raise to stop.
    Raises `Problem` naming the statement that failed; then nothing is kept.
    """
    cuts = [each for each in cut(sql) if each.kind != "TransactionStmt"]
    times: list[dict[str, Any]] = []
    since: dict[tuple[str, str], float] = {}
    with postgres.connect(url, attempt=attempt) as conn, conn.transaction():
        begun = time.monotonic()
        for each in cuts:
            what = " ".join(each.sql.split())[:120]
            tick(each.number, len(cuts), what)
            started = time.monotonic()
            _execute(conn, each.sql, what, each.line)
            times.append({"line": each.line, "what": what, "seconds": round(time.monotonic() - started, 4)})
            for lock in _held(conn):
                since.setdefault(lock, started)
        ended = time.monotonic()
    locks = [{"table": t, "mode": mode, "seconds": round(ended - at, 4)} for (t, mode), at in since.items()]
    slowest = sorted(times, key=lambda entry: -entry["seconds"])[:SLOWEST]
    return Measured(round(ended - begun, 3), len(cuts), slowest, _strongest(locks))


def _execute(conn: Connection, sql: str, what: str, line: int) -> None:
    try:
        conn.execute(sql.encode())
    except psycopg.Error as error:
        raise Problem(
            f"The alignment failed on the copy, line {line} ({what}): {error.diag.message_primary or error}.",
            means="On the live database it would have failed in the same way. Only the copy was touched.",
            next="Correct the rows on the old side, or give values under defaults: here; rehearse again.",
        ) from None


def _held(conn: Connection) -> list[tuple[str, str]]:
    rows = conn.execute(
        "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p') "
        "AND c.relnamespace <> 'pg_catalog'::regnamespace AND l.mode = ANY (%s)",
        [list(LOCKS)],
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def _strongest(locks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a table: its strongest lock."""
    best: dict[str, dict[str, Any]] = {}
    for lock in sorted(locks, key=lambda each: LOCKS.index(each["mode"]), reverse=True):
        best[lock["table"]] = lock
    return sorted(best.values(), key=lambda each: (-each["seconds"], each["table"]))
