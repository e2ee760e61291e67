"""The money in rows that a rollback would lose, set back or bring back, by group."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

from psycopg import sql

from integrations.backups.lost_rows import Key, keys_condition
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot


class MoneyGroup(TypedDict):
    """Rows and their sum; ``by`` has the values of the columns that they are grouped by."""

    by: list[str]
    rows: int
    sum: str


class LostMoney(TypedDict):
    """``groups`` are the rows created since the backup. ``changed_from`` and ``changed_to`` are the rows
    that changed, as the backup has them and as they are now. ``deleted`` are rows that would come back.
    ``at_least``: more rows differ than were summed up. ``reason`` says why nothing could be summed."""

    table: str
    groups: list[MoneyGroup]
    changed_from: list[MoneyGroup]
    changed_to: list[MoneyGroup]
    deleted: list[MoneyGroup]
    at_least: bool
    reason: str


def sum_money(
    side: Snapshot,
    table: CatalogTable,
    key: Sequence[str],
    keys: Collection[Key],
    asked: Mapping[str, Any],
) -> list[MoneyGroup]:
    """Sums the column ``asked["sum"]`` of the rows with these keys, grouped by the columns ``asked["by"]``.

    Raises psycopg's errors, for instance about a column that this side does not have.
    """
    if not keys:
        return []
    by = sql.SQL(", ").join(sql.Identifier(name) for name in asked["by"])
    query = sql.SQL(
        "select {by}, count(*), sum({sum}) from {table} as r where {keys} group by {by} order by {by}"
    ).format(
        by=by,
        sum=sql.Identifier(asked["sum"]),
        table=table.from_clause,
        keys=keys_condition(table, key, keys),
    )
    with side.savepoint():
        rows = side.fetch_rows(query)
    return [{"by": list(map(str, row[:-2])), "rows": row[-2], "sum": str(row[-1])} for row in rows]
