"""Finds rows by the keys that a comparison has named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot

Key = tuple[str | None, ...]


def keys_condition(key: Sequence[str], keys: Collection[Key]) -> sql.Composable:
    """The condition that a row has one of these keys, given as texts."""
    columns = (sql.SQL('{}::text collate "C"').format(sql.Identifier(name)) for name in key)
    lists = (sql.SQL("{}::text[]").format(sql.Literal(list(part))) for part in zip(*keys, strict=True))
    return sql.SQL("({}) in (select * from unnest({}))").format(
        sql.SQL(", ").join(columns), sql.SQL(", ").join(lists)
    )


def read_first_and_last(
    side: Snapshot, table: CatalogTable, key: Sequence[str], keys: Collection[Key], column: str
) -> tuple[str, str] | None:
    """The lowest and the highest value of a column in these rows, as texts; None when all are NULL."""
    query = sql.SQL("select min({column})::text, max({column})::text from {table} where {keys}").format(
        column=sql.Identifier(column), table=table.from_clause, keys=keys_condition(key, keys)
    )
    with side.savepoint():
        first, last = side.fetch_rows(query)[0]
    return None if first is None else (str(first), str(last))
