"""Runs statements that change a database so that none of them waits for a lock for long, or unseen.

A statement that waits makes everybody wait who comes after it. So each try waits for a few seconds only, and
others get their turn before the next. A try is repeated only when PostgreSQL rolled its transaction back
completely; what is half done is never repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors, pq, sql

from integrations.clients.postgres import LOCK_WAIT
from integrations.clients.postgres_errors import describe_error
from integrations.clients.watched_connection import LockReport, WatchedConnection, describe_holder
from integrations.errors import Problem

ONE_TRY = 3.0  # seconds that a statement waits in the queue, with others behind it
PAUSE = 1.0  # seconds between two tries
POLL = 0.1
SHORTEST_TIMEOUT = 0.1  # seconds of a last try

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]
Statement = sql.SQL | sql.Composed | str


class LockNotFree(Problem):
    """A lock could not be had within the deadline. Nothing of the statement was done."""


def execute_change(
    connection: Connection, statement: Statement, parameters: Any = None, *, seconds: float | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Executes one statement in a transaction of its own, as `change` does."""
    return change(connection, lambda: _execute(connection, statement, parameters), seconds=seconds)


def change(connection: Connection, function: Callable[[], T], *, seconds: float | None = None) -> T:
    """Calls ``function``, whose statements use ``connection``, in one transaction with a lock_timeout.

    While a lock is held by others, the whole is tried again for ``seconds`` (default: what the connection may
    wait). So ``function`` must do nothing that a rollback does not take back. Raises `LockNotFree`, which
    names who holds the lock; other errors pass through.
    """
    _refuse_open_transaction(connection)

    def attempt(timeout: float) -> T:
        with connection.transaction():
            _set_lock_timeout(connection, timeout, local=True)
            return function()

    return _try_until(connection, attempt, seconds)


def execute_alone(
    connection: Connection,
    statement: Statement,
    *,
    seconds: float | None = None,
    longest: float | None = None,
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Executes a statement that PostgreSQL refuses inside a transaction, such as DROP DATABASE.

    Such a statement also waits for what is no lock, as for other sessions to notice it: ``longest`` limits
    the seconds of all that it does (None: no limit, for a copy as large as its database).
    """
    _refuse_open_transaction(connection)
    before = _read_timeouts(connection)

    def attempt(timeout: float) -> psycopg.Cursor[tuple[Any, ...]]:
        _set_lock_timeout(connection, timeout, local=False)
        return _execute(connection, statement, None)

    try:
        _set_timeout(connection, "statement_timeout", longest or 0, local=False)
        return _try_until(connection, attempt, seconds)
    finally:
        if not connection.closed:
            for name, value in before.items():
                connection.execute("select set_config(%s, %s, false)", [name, value])


def _try_until(connection: Connection, attempt: Callable[[float], T], seconds: float | None) -> T:
    limit, began, tries = _limit(connection, seconds), time.monotonic(), 0
    report = _report_of(connection)
    while True:
        tries += 1
        left = limit - (time.monotonic() - began)
        try:
            return attempt(max(SHORTEST_TIMEOUT, min(ONE_TRY, left)))
        except errors.LockNotAvailable as error:
            # Inside a transaction of the caller only a savepoint was rolled back: that is not repeated.
            if connection.closed or connection.info.transaction_status is not pq.TransactionStatus.IDLE:
                raise
            waited = time.monotonic() - began
            if waited + PAUSE >= limit:
                raise _explain(error, tries, waited) from error
            _log_try(report, error, tries, limit - waited)
        _pause(report)


def _log_try(report: LockReport | None, error: psycopg.Error, tries: int, left: float) -> None:
    if report is not None:
        report.log(
            f"Try {tries}: {describe_error(error)}; rolled back, nothing was done. "
            f"Trying again for {left:.0f} s."
        )


def _explain(error: psycopg.Error, tries: int, waited: float) -> LockNotFree:
    held = describe_holder(error) or "Who holds it could not be seen."
    return LockNotFree(
        f"A lock was not free in {waited:.0f} s: {describe_error(error)}. {held}",
        means=f"The statement was tried {tries} times, and rolled back each time: nothing of it was done.",
        next="When the lock is free, start the item again. lock_wait: of the system sets how many seconds "
        "the panel waits.",
    )


def _pause(report: LockReport | None) -> None:
    until = time.monotonic() + PAUSE
    while time.monotonic() < until:
        if report is not None:
            report.raise_if_cancelled()
        time.sleep(POLL)


def _execute(
    connection: Connection, statement: Statement, parameters: Any
) -> psycopg.Cursor[tuple[Any, ...]]:
    text = statement.encode() if isinstance(statement, str) else statement
    return connection.execute(text, parameters)


def _refuse_open_transaction(connection: Connection) -> None:
    if connection.info.transaction_status is not pq.TransactionStatus.IDLE:
        raise ValueError("the connection is inside a transaction: a try could not be rolled back completely")


def _limit(connection: Connection, seconds: float | None) -> float:
    watch = connection.watch if isinstance(connection, WatchedConnection) else None
    return seconds or (watch.limit if watch else 0) or LOCK_WAIT


def _report_of(connection: Connection) -> LockReport | None:
    watch = connection.watch if isinstance(connection, WatchedConnection) else None
    return watch.report if watch else None


def _set_lock_timeout(connection: Connection, seconds: float, *, local: bool) -> None:
    _set_timeout(connection, "lock_timeout", seconds, local=local)


def _set_timeout(connection: Connection, name: str, seconds: float, *, local: bool) -> None:
    connection.execute("select set_config(%s, %s, %s)", [name, f"{int(seconds * 1000)}ms", local])


def _read_timeouts(connection: Connection) -> dict[str, str]:
    row = connection.execute(
        "select current_setting('lock_timeout'), current_setting('statement_timeout')"
    ).fetchone()
    assert row is not None
    return {"lock_timeout": row[0], "statement_timeout": row[1]}
