"""Checks expressions of people before they are used: one value of a row, of a known type, never volatile.

An expression stands in parentheses between parts of our own queries. It is checked by the server itself, in
the transaction of the comparison, which only reads:

- it is parsed with and without parentheses around it, by the extended protocol, which takes one statement.
  What is an expression in both cases closes no parenthesis that it did not open, and ends no statement;
- it is parsed in a WHERE, where aggregates, window functions and functions that return sets are refused;
- the planner tells whether it is volatile, functions behind operators and casts included. It pulls a query
  up into the one around it only if its answer is not volatile, so the plan shows which it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq, sql

from integrations.parity.errors import ParityError
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import Snapshot

BOOLEAN = 16  # the number of the type
NO_VALUE = 2278, 2249  # void; record: a list of values in parentheses
CHECKED = "parity_checked"


@dataclass(frozen=True)
class CheckedExpression:
    """What the server says of an expression: the number of its type, and whether it uses a column at all."""

    type: int
    uses_columns: bool


def raw_sql(text: str) -> sql.SQL:
    """SQL that a person wrote, for a query without parameters. Only for what was checked here."""
    return sql.SQL(text)


def check_expression(snapshot: Snapshot, table: CatalogTable, text: str, what: str) -> CheckedExpression:
    """The type of an expression over a row ``r`` of the table; ``what`` names it in messages.

    Raises `ParityError` when it is not one expression, or volatile.
    """
    rows = table.from_clause + sql.SQL(" AS r")
    inside = sql.Composed([sql.SQL("("), raw_sql(text), sql.SQL("\n)")])
    alone = sql.Composed([sql.SQL("SELECT "), raw_sql(text), sql.SQL("\nFROM "), rows])
    in_parentheses = sql.SQL("SELECT {} AS value FROM {}").format(inside, rows)
    in_where = sql.SQL("SELECT 1 FROM {} WHERE {} IS NOT DISTINCT FROM NULL").format(rows, inside)
    try:
        with snapshot.savepoint():
            _describe(snapshot, in_where)
            types = [_describe(snapshot, query) for query in (alone, in_parentheses)]
            if types[0] != types[1] or len(types[1]) != 1 or types[1][0] in NO_VALUE:
                raise _not_usable(what, text, "it is not one value")
            if _is_volatile(snapshot, in_parentheses):
                raise _not_usable(what, text, "it is volatile: its value may be another one at each reading")
    except psycopg.Error as error:
        raise _not_usable(what, text, safe_message(error)) from None
    return CheckedExpression(types[0][0], not _stands_alone(snapshot, inside))


def check_condition(snapshot: Snapshot, table: CatalogTable, text: str, what: str) -> None:
    """Raises `ParityError` unless this is one boolean expression over a row of the table."""
    if check_expression(snapshot, table, text, what).type != BOOLEAN:
        raise _not_usable(what, text, "it is not true or false")


def _not_usable(what: str, text: str, reason: str) -> ParityError:
    return ParityError(
        f"{what} cannot be used: {reason}.",
        means=f"It is: {text}",
        next="Nothing was compared. Write one SQL expression over the columns of the table, without"
        " aggregates and without functions that are volatile.",
    )


def _describe(snapshot: Snapshot, query: sql.Composable) -> list[int]:
    """The types of the answer's columns; the query is parsed, and not run."""
    connection = snapshot.connection
    text = query.as_bytes(connection)
    with connection.lock:
        parsed = connection.pgconn.prepare(b"", text)
        described = connection.pgconn.describe_prepared(b"") if _is_ok(parsed) else parsed
    if not _is_ok(described):
        raise psycopg.errors.error_from_result(described, encoding=connection.info.encoding)
    return [described.ftype(place) for place in range(described.nfields)]


def _is_ok(result: Any) -> bool:
    return bool(result.status == pq.ExecStatus.COMMAND_OK)


def _stands_alone(snapshot: Snapshot, inside: sql.Composable) -> bool:
    """Whether the expression has a meaning without a row: then all rows have the same value."""
    try:
        with snapshot.savepoint():
            _describe(snapshot, sql.SQL("SELECT {}").format(inside))
    except psycopg.Error:
        return False
    return True


def _is_volatile(snapshot: Snapshot, query: sql.Composable) -> bool:
    shape = sql.SQL("EXPLAIN (COSTS OFF, FORMAT JSON) SELECT value FROM ({}) AS {} WHERE {}").format(
        query, sql.Identifier(CHECKED), sql.SQL("value IS DISTINCT FROM NULL")
    )
    plan = snapshot.fetch_value(shape)
    return any(node.get("Alias") == CHECKED for node in _nodes(plan[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
