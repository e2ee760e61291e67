"""Aggregates of the Prisma client, compared with the same of PostgreSQL: row counts and sums by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import sql

from integrations.clients import postgres

SETTINGS = {"table", "sum", "by"}
Group = tuple[tuple[str, ...], Decimal, int]  # values of the group, sum, rows


@dataclass(frozen=True)
class Aggregate:
    """A sum over a table, by groups: names of the table and its columns."""

    table: str
    sum: str
    by: tuple[str, ...]

    @classmethod
    def parse(cls, given: Any) -> Aggregate:
        """Reads one entry of ``totals:``. Raises ValueError with a sentence."""
        if not isinstance(given, Mapping) or set(given) != SETTINGS or not isinstance(given["by"], list):
            raise ValueError("each must look like {table: orders, sum: amount, by: [currency]}.")
        return cls(str(given["table"]), str(given["sum"]), tuple(map(str, given["by"])))

    def as_json(self) -> dict[str, Any]:
        """For the script that asks the client."""
        return {"table": self.table, "sum": self.sum, "by": list(self.by)}


@dataclass(frozen=True)
class Aggregates:
    """Rows by table, and the groups of each total."""

    rows: Mapping[str, int]
    totals: Mapping[Aggregate, frozenset[Group]]


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def read_aggregates(url: str, attempt: str, totals: Sequence[Aggregate]) -> Aggregates:
    """As PostgreSQL has them, in one snapshot: rows of every table, and the totals."""
    with (
        postgres.explain_errors(url),
        postgres.connect(url, attempt=attempt, readonly=True, autocommit=False) as connection,
    ):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = [str(row[0]) for row in connection.execute(TABLES).fetchall()]
        rows = {table: _count(connection, table) for table in tables}
        return Aggregates(rows, {total: _groups(connection, total) for total in totals})


def _count(connection: postgres.Connection, table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def _groups(connection: postgres.Connection, total: Aggregate) -> frozenset[Group]:
    by = sql.SQL(", ").join(map(sql.Identifier, total.by))
    query = sql.SQL("SELECT {by}, sum({sum}), count(*) FROM {table} GROUP BY {by}")
    names = {"by": by, "sum": sql.Identifier(total.sum), "table": sql.Identifier(total.table)}
    found = connection.execute(query.format(**names)).fetchall()
    return frozenset(make_group(row[:-2], row[-2], row[-1]) for row in found)


def make_group(values: Sequence[Any], total: Any, rows: Any) -> Group:
    """One group in a form that is the same from PostgreSQL and from the client."""
    return tuple(map(str, values)), Decimal(str(total or 0)), int(rows)


def find_differences(before: Aggregates, client: Aggregates, after: Aggregates) -> list[str]:
    """A sentence for each table whose aggregates differ. Rows may be added while the client reads."""
    wrong = [
        f"{table}: the client counts {rows:,} row(s), PostgreSQL {after.rows[table]:,}."
        for table, rows in client.rows.items()
        if not min(before.rows[table], after.rows[table])
        <= rows
        <= max(before.rows[table], after.rows[table])
    ]
    for total, groups in client.totals.items():
        if groups not in (before.totals[total], after.totals[total]):
            apart = sorted(" ".join(one[0]) for one in groups ^ after.totals[total])
            by = ", ".join(total.by)
            named = ", ".join(dict.fromkeys(apart))
            wrong.append(f"{total.table}: the sum of {total.sum} by {by} is another for {named}.")
    return wrong


def _is_between(value: int, one: int, other: int) -> bool:
    return min(one, other) <= value <= max(one, other)
