"""Measures on a copy of a restored backup how long an alignment takes, and which locks it holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.clients.postgres_errors import describe_error
from integrations.clients.watched_connection import lock_problem
from integrations.errors import Problem
from integrations.sql_review.parser import parse_script

#: Table locks that block writers, strongest first.
BLOCKING_LOCKS = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
SLOWEST = 10  # statements that are listed


@dataclass(frozen=True)
class RehearsalResult:
    """Seconds of the whole, its slowest statements, and the blocking locks with the seconds they were held.

    ``slowest``: ``{"line": int, "what": str, "seconds": float}``. ``locks``: ``{"table": str, "mode": str,
    "seconds": float, "ms": float, "line": int}``, one for each table: its strongest lock, from the beginning
    of the statement in that line to the end of the transaction. So it is too long by at most the part of that
    one statement before it took the lock; the time of the COMMIT is not in it.
    """

    seconds: float
    statements: int
    slowest: list[dict[str, Any]]
    locks: list[dict[str, Any]]


def measure_script(
    url: str, sql: str, *, attempt: str, on_statement: Callable[[int, int, str], None]
) -> RehearsalResult:
    """Executes a script in one transaction, measures each statement, and rolls everything back.

    This only measures; `prisma.align` applies the script afterwards, as in production.

    ``on_statement`` gets number, total and summary before each statement; it may raise to stop.
    Raises `Problem` naming the statement that failed; then nothing is kept.
    """
    statements = [each for each in parse_script(sql) if each.kind != "TransactionStmt"]
    times: list[dict[str, Any]] = []
    since: dict[tuple[str, str], tuple[float, int]] = {}
    with postgres.connect(url, attempt=attempt) as conn, conn.transaction(force_rollback=True):
        began = time.monotonic()
        for statement in statements:
            what = " ".join(statement.sql.split())[:120]
            on_statement(statement.number, len(statements), what)
            started = time.monotonic()
            _execute(conn, statement.sql, what, statement.line)
            times.append(
                {"line": statement.line, "what": what, "seconds": round(time.monotonic() - started, 4)}
            )
            # A lock is held until the end: its time runs from the statement that took it to the end.
            for lock in _read_held_locks(conn):
                since.setdefault(lock, (started, statement.line))
        ended = time.monotonic()
    locks = [
        {"table": table, "mode": mode, "seconds": held, "ms": round(1000 * held, 1), "line": line}
        for (table, mode), (at, line) in since.items()
        for held in [round(ended - at, 4)]
    ]
    slowest = sorted(times, key=lambda entry: -entry["seconds"])[:SLOWEST]
    return RehearsalResult(round(ended - began, 3), len(statements), slowest, _keep_strongest(locks))


def _execute(conn: Connection, sql: str, what: str, line: int) -> None:
    try:
        conn.execute(sql.encode())
    except psycopg.errors.LockNotAvailable as error:
        raise lock_problem(f"the copy, line {line} ({what})", error) from error
    except psycopg.Error as error:
        raise Problem(
            f"The alignment failed on the copy, line {line} ({what}): {describe_error(error)}.",
            means="On the live database it would have failed in the same way. Only the copy was touched.",
            next="Correct the rows on the old side, or give values under defaults: here; rehearse again.",
        ) from None


def _read_held_locks(conn: Connection) -> list[tuple[str, str]]:
    rows = conn.execute(
        "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p') "
        "AND c.relnamespace <> 'pg_catalog'::regnamespace AND l.mode = ANY (%s)",
        [list(BLOCKING_LOCKS)],
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def _keep_strongest(locks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one entry for each table: its strongest lock."""
    best: dict[str, dict[str, Any]] = {}
    for lock in sorted(locks, key=lambda each: BLOCKING_LOCKS.index(each["mode"]), reverse=True):
        best[lock["table"]] = lock
    return sorted(best.values(), key=lambda each: (-each["seconds"], each["table"]))
