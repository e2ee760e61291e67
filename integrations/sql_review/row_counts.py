"""Counts the rows of a review's checks in the live database: read-only, and each within a time limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import psycopg

from integrations.clients.postgres_errors import describe_error
from integrations.sql_review.assessment import RowCheck
from integrations.sql_review.script_review import ReviewedStatement

LOCK_TIMEOUT = "2s"  # a review must not queue up behind a migration that holds a table
Connection = psycopg.Connection[Any]


def count_rows(
    conn: Connection, statements: tuple[ReviewedStatement, ...], *, seconds: float
) -> tuple[ReviewedStatement, ...]:
    """Returns the statements with their checks counted; each query may take ``seconds``."""
    with read_only_transaction(conn, seconds):
        counted = iter(_count_checks(conn, tuple(check for each in statements for check in each.checks)))
    return tuple(replace(each, checks=tuple(islice(counted, len(each.checks)))) for each in statements)


@contextmanager
def read_only_transaction(conn: Connection, seconds: float) -> Iterator[None]:
    """Opens a read-only transaction that is rolled back, so that a function in a WHERE changes nothing."""
    with conn.transaction(force_rollback=True):
        conn.execute("SET TRANSACTION READ ONLY")
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{int(seconds * 1000)}ms"])
        conn.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        yield


def _count_checks(conn: Connection, checks: tuple[RowCheck, ...]) -> tuple[RowCheck, ...]:
    """Counts filters over the same rows together in one scan, and one by one when that fails."""
    uncounted = [check for check in checks if check.count is None and not check.error]
    by_table: dict[str, list[RowCheck]] = {}
    for check in uncounted:
        if check.condition:
            by_table.setdefault(check.table, []).append(check)
    result: dict[int, RowCheck] = {}
    for table, group in by_table.items():
        result |= zip(map(id, group), _count_in_one_scan(conn, table, group), strict=False)
    return tuple(result.get(id(check)) or _count_alone(conn, check) for check in checks)


def _count_in_one_scan(conn: Connection, table: str, group: list[RowCheck]) -> list[RowCheck]:
    """Returns the group with counts from one scan; empty when they have to be counted one by one."""
    counts = ", ".join(f"count(*) FILTER (WHERE {check.condition})" for check in group)
    query = f"SELECT {counts} FROM {table}"  # noqa: S608 - names are quoted, conditions are the script's
    try:
        with conn.transaction():
            numbers = conn.execute(query.encode()).fetchone() or ()
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        # Counting each of them again would wait just as long.
        return [replace(check, error=_describe_error(error)) for check in group]
    except psycopg.Error:
        return []
    return [replace(check, count=number) for check, number in zip(group, numbers, strict=True)]


def _count_alone(conn: Connection, check: RowCheck) -> RowCheck:
    if check.count is not None or check.error:
        return check
    try:
        return replace(check, count=_query_number(conn, check.query))
    except psycopg.Error as error:
        return replace(check, error=_describe_error(error))


def _query_number(conn: Connection, query: str) -> int:
    with conn.transaction():
        row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _describe_error(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "not counted: another session holds the table"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "counting took too long and was stopped"
    return f"could not be counted: {describe_error(error)}"
