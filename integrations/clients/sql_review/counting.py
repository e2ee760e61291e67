"""Answers the questions of a review from the live rows, reading only, and never for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from integrations.clients.sql_review.script import bare
from integrations.clients.sql_review.statement import Check, Statement

WAIT = "2s"  # for a table that somebody holds: a review must not queue up behind a migration
Connection = psycopg.Connection[Any]


def count_rows(
    conn: Connection, statements: tuple[Statement, ...], *, seconds: float
) -> tuple[Statement, ...]:
    """The statements with their checks answered; each query may take ``seconds``."""
    with reading_only(conn, seconds):
        return tuple(replace(each, checks=_answer(conn, each.checks)) for each in statements)


@contextmanager
def reading_only(conn: Connection, seconds: float) -> Iterator[None]:
    """A read-only transaction that is rolled back: a WHERE that calls something can change nothing."""
    with conn.transaction(force_rollback=True):
        conn.execute("SET TRANSACTION READ ONLY")
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{int(seconds * 1000)}ms"])
        conn.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT])
        yield


def _answer(conn: Connection, checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Filters over one table are answered together in one scan, and singly when that fails."""
    open_ones = [check for check in checks if check.count is None]
    together: dict[str, list[Check]] = {}
    for check in open_ones:
        if check.condition:
            together.setdefault(check.table, []).append(check)
    found: dict[int, Check] = {}
    for table, group in together.items():
        found |= zip(map(id, group), _one_scan(conn, table, group), strict=False)
    return tuple(found.get(id(check)) or _alone(conn, check) for check in checks)


def _one_scan(conn: Connection, table: str, group: list[Check]) -> list[Check]:
    """The group answered in one scan; empty when one of them has to be asked alone.

    Too slow, or held by somebody, is an answer for all: asking each again would wait as long again.
    """
    counts = ", ".join(f"count(*) FILTER (WHERE {check.condition})" for check in group)
    query = f"SELECT {counts} FROM {table}"  # noqa: S608 - names are quoted, conditions are the script's
    try:
        with conn.transaction():
            numbers = conn.execute(query.encode()).fetchone() or ()
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        return [replace(check, error=_words(error)) for check in group]
    except psycopg.Error:
        return []
    return [replace(check, count=number) for check, number in zip(group, numbers, strict=True)]


def _alone(conn: Connection, check: Check) -> Check:
    if check.count is not None:
        return check
    try:
        return replace(check, count=_number(conn, check.query))
    except psycopg.errors.UndefinedColumn:
        return _at_most(conn, check)
    except psycopg.Error as error:
        return replace(check, error=_words(error))


def _at_most(conn: Connection, check: Check) -> Check:
    """A condition on a column that the script only adds: all rows of the table are the upper bound."""
    if not check.table:
        return replace(check, error="speaks of a column that this script only adds")
    try:
        rows = _number(conn, f"SELECT count(*) FROM {check.table}")  # noqa: S608 - a quoted name
    except psycopg.Error as error:
        return replace(check, error=_words(error))
    return replace(check, count=rows, words=f"{check.words} (at most: all of {bare(check.table)})")


def _number(conn: Connection, query: str) -> int:
    with conn.transaction():
        row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _words(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "not counted: another session holds the table"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "counting took too long and was stopped"
    return f"could not be counted: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
