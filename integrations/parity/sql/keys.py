"""The condition that a row has one of some keys, so that an index helps where one can."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from integrations.parity.plan import Cell
from integrations.parity.rowhash import Side

#: the texts of a key's columns in their order; of a table without a key the hash of the row
Key = tuple[str | None, ...]


def having(side: Side, keys: Collection[Key]) -> sql.Composable:
    """The condition over one side of a table, whose rows are called ``r``."""
    if not side.plan.key:
        wanted = [int(key[0]) for key in keys if key[0] is not None]
        return sql.SQL("h.value = ANY({}::bigint[])").format(sql.Literal(wanted))
    whole, partly = ([key for key in keys if (None in key) is null] for null in (False, True))
    conditions = [_whole(side, whole)] if whole else []
    conditions += [_partly(side, partly)] if partly else []
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions or [sql.SQL("false")]))


def _whole(side: Side, keys: Collection[Key]) -> sql.Composable:
    names = _names(side)
    pairs = [_comparable(side, cell, name) for cell, name in zip(side.plan.key_cells, names, strict=True)]
    return sql.SQL("({}) IN (SELECT {} FROM {})").format(
        sql.SQL(", ").join(column for column, _ in pairs), sql.SQL(", ").join(v for _, v in pairs),
        _wanted(side, keys),
    )  # fmt: skip


def _partly(side: Side, keys: Collection[Key]) -> sql.Composable:
    """Keys with NULLs, which one side may not forbid: no index finds them, and IN never does."""
    shape = sql.SQL('{} COLLATE "C" IS NOT DISTINCT FROM v.{}')
    same = [
        shape.format(side.key_text(cell), name)
        for cell, name in zip(side.plan.key_cells, _names(side), strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(
        _wanted(side, keys), sql.SQL(" AND ").join(same)
    )


def _names(side: Side) -> list[sql.Identifier]:
    return [sql.Identifier(f"k{number}") for number in range(len(side.plan.key))]


def _wanted(side: Side, keys: Collection[Key]) -> sql.Composable:
    """The keys as rows of a table ``v`` with a column for each of theirs."""
    lists = [sql.SQL("{}::text[]").format(sql.Literal(list(part))) for part in zip(*keys, strict=True)]
    return sql.SQL("unnest({}) AS v({})").format(sql.SQL(", ").join(lists), sql.SQL(", ").join(_names(side)))


def _comparable(side: Side, cell: Cell, name: sql.Identifier) -> tuple[sql.Composable, sql.Composable]:
    """A key column and its wanted text, in types with which an index helps; else both as texts."""
    value = sql.SQL("v.{}").format(name)
    base = cell.source.base if side.side == "source" else cell.target.base
    if cell.form.name == "integer" and cell.default is None:
        return side.column(cell), sql.SQL("{}::bigint").format(value)
    if base == "uuid" and cell.form.name == "uuid" and cell.default is None:
        return side.column(cell), sql.SQL("{}::uuid").format(value)
    if base in ("text", "varchar") and cell.form.name == "text" and cell.default is None:
        return side.column(cell), value
    return sql.SQL('{} COLLATE "C"').format(side.key_text(cell)), value
