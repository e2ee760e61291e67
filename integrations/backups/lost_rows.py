"""Finds rows by the keys that a comparison has named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from psycopg import sql

from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import SchemaDifference, plan_table
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.column_types import text_of
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.keys import key_predicate
from integrations.parity.sql.row_hash import SideExpressions

Key = tuple[str | None, ...]


def keys_condition(table: CatalogTable, key: Sequence[str], keys: Collection[Key]) -> sql.Composable:
    """The condition that a row ``r`` of a table has one of these keys, given as a comparison names them."""
    plan = replace(plan_table(table, table, DeclaredRules(()), SchemaDifference()), key=tuple(key))
    return key_predicate(SideExpressions(plan, "source"), keys)


def read_first_and_last(
    side: Snapshot, table: CatalogTable, key: Sequence[str], keys: Collection[Key], column: str
) -> tuple[str, str] | None:
    """The lowest and the highest value of a column in these rows, as texts; None when all are NULL."""
    described = table.column(column)
    assert described is not None
    shape = sql.SQL("{}({})")
    lowest, highest = (
        text_of(shape.format(sql.SQL(name), described.identifier), described.output)
        for name in ("min", "max")
    )
    query = sql.SQL("select {}, {} from {} as r where {}").format(
        lowest, highest, table.from_clause, keys_condition(table, key, keys)
    )
    with side.savepoint():
        first, last = side.fetch_rows(query)[0]
    return None if first is None else (str(first), str(last))
