"""What the live database holds in tables and columns that the backup does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.column_types import text_of
from integrations.parity.server.server_errors import explain_read_failure
from integrations.parity.server.snapshot import Snapshot

Tables = Mapping[tuple[str, str], CatalogTable]

#: A default that is a plain value, as pg_get_expr() writes it. Others are not evaluated: they may call
#: nextval(), and now() is another value each time.
CONSTANT = re.compile(
    r"^(?:NULL|'(?:[^']|'')*'|-?\d+(?:\.\d+)?|true|false|ARRAY\[\])(?:::[\w\s\[\]\"().,]+)?$"
)
DEFAULTS = """
select a.attname, pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> ''
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = format('%I.%I', {schema}::text, {table}::text)::regclass and a.attname = any({columns})
"""


class NotCounted(Exception):
    """A table that could not be read; the message says why."""


def count_rows(live: Snapshot, table: CatalogTable) -> int:
    """The rows of a table. Raises `NotCounted`."""
    return _read_numbers(live, sql.SQL("select count(*) from {}").format(table.from_clause))[0]


def count_values(live: Snapshot, table: CatalogTable, columns: Sequence[str]) -> dict[str, int]:
    """Column → rows with a value that is neither NULL nor the column's constant default.

    That is the highest number of rows into which somebody can have written a value since the column
    exists; the migration may have filled them as well. Generated columns are left out: they follow from
    the others. Raises `NotCounted`.
    """
    found = _read_defaults(live, table, columns)
    if not found:
        return {}
    counts = [_count_of(table, name, default) for name, default in found.items()]
    query = sql.SQL("select {} from {} as r").format(sql.SQL(", ").join(counts), table.from_clause)
    return dict(zip(found, _read_numbers(live, query), strict=True))


def _read_defaults(live: Snapshot, table: CatalogTable, columns: Sequence[str]) -> dict[str, str | None]:
    """Column → its default as SQL if it is constant, else None; without generated columns."""
    query = sql.SQL(DEFAULTS).format(
        schema=sql.Literal(table.schema),
        table=sql.Literal(table.name),
        columns=sql.SQL("{}::text[]").format(sql.Literal(list(columns))),
    )
    return {
        name: default if default and CONSTANT.match(default) else None
        for name, default, generated in live.fetch_rows(query)
        if not generated
    }


def _count_of(table: CatalogTable, name: str, default: str | None) -> sql.Composable:
    column = table.column(name)
    assert column is not None
    if default is None:
        return sql.SQL("count({})").format(column.identifier)
    # As texts, because json has no equality. The default is the catalog's own, and a plain value.
    constant = sql.SQL("({})::{}").format(sql.SQL(default), sql.SQL(column.type))
    return sql.SQL("count({}) filter (where {} is distinct from {})").format(
        column.identifier, column.text, text_of(constant, column.output)
    )


def _read_numbers(live: Snapshot, query: sql.Composable) -> tuple[int, ...]:
    try:
        with live.savepoint():
            return tuple(int(number) for number in live.fetch_rows(query)[0])
    except psycopg.Error as error:
        raise NotCounted(explain_read_failure(error)) from None
