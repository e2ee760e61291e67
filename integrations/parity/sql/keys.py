"""The condition that a row has one of some keys, written so that an index helps where one can."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from integrations.parity.model.plan import ColumnPair
from integrations.parity.sql.row_hash import SideExpressions

#: The texts of the key's columns, in order; in a table without a key, the hash of the row.
RowKey = tuple[str | None, ...]


def key_predicate(side: SideExpressions, keys: Collection[RowKey]) -> sql.Composable:
    """The condition on a row ``r`` of one side of a table that its key is one of ``keys``."""
    if not side.plan.key:
        wanted = [int(key[0]) for key in keys if key[0] is not None]
        return sql.SQL("h.value = ANY({}::bigint[])").format(sql.Literal(wanted))
    complete, with_null = ([key for key in keys if (None in key) is null] for null in (False, True))
    conditions = [_in_keys(side, complete)] if complete else []
    conditions += [_in_keys_with_null(side, with_null)] if with_null else []
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions or [sql.SQL("false")]))


def _in_keys(side: SideExpressions, keys: Collection[RowKey]) -> sql.Composable:
    names = _names(side)
    columns_and_values = [
        _comparable(side, pair, name) for pair, name in zip(side.plan.key_pairs, names, strict=True)
    ]
    return sql.SQL("({}) IN (SELECT {} FROM {})").format(
        sql.SQL(", ").join(column for column, _ in columns_and_values),
        sql.SQL(", ").join(value for _, value in columns_and_values),
        _wanted(side, keys),
    )


def _in_keys_with_null(side: SideExpressions, keys: Collection[RowKey]) -> sql.Composable:
    """Keys with NULL, which only one side may forbid: IN never finds them, and no index helps."""
    shape = sql.SQL('{} COLLATE "C" IS NOT DISTINCT FROM v.{}')
    same = [
        shape.format(side.key_text(pair), name)
        for pair, name in zip(side.plan.key_pairs, _names(side), strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(
        _wanted(side, keys), sql.SQL(" AND ").join(same)
    )


def _names(side: SideExpressions) -> list[sql.Identifier]:
    return [sql.Identifier(f"k{number}") for number in range(len(side.plan.key))]


def _wanted(side: SideExpressions, keys: Collection[RowKey]) -> sql.Composable:
    """The keys as rows of a table ``v`` with the columns ``k0``, ``k1``, …"""
    lists = [sql.SQL("{}::text[]").format(sql.Literal(list(part))) for part in zip(*keys, strict=True)]
    return sql.SQL("unnest({}) AS v({})").format(sql.SQL(", ").join(lists), sql.SQL(", ").join(_names(side)))


def _comparable(
    side: SideExpressions, pair: ColumnPair, name: sql.Identifier
) -> tuple[sql.Composable, sql.Composable]:
    """A key column and its wanted value, in types for which an index is used; else both as texts."""
    value = sql.SQL("v.{}").format(name)
    column = pair.source if side.side == "source" else pair.target
    base = "" if column.expression else column.base  # the collation of an expression may be any
    if pair.form.name == "integer" and pair.default is None:
        return side.column(pair), sql.SQL("{}::bigint").format(value)
    if base == "uuid" and pair.form.name == "uuid" and pair.default is None:
        return side.column(pair), sql.SQL("{}::uuid").format(value)
    if base in ("text", "varchar") and pair.form.name == "text" and pair.default is None:
        # The index has the collation of the column, which may take two texts for the same: the bytes decide.
        in_bytes = sql.SQL('{0}, {0} COLLATE "C"')
        return in_bytes.format(side.column(pair)), in_bytes.format(value)
    return sql.SQL('{} COLLATE "C"').format(side.key_text(pair)), value
