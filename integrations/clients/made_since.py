"""Rows that were made since a moment: by their own time, and by their key against a copy from then.

A time alone is not enough after a migration: one that fills empty ``created_at`` columns makes old rows
look new. A row is only new when the copy of the database from that moment does not have its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from integrations.clients.postgres import Connection

BATCH = 10_000  # keys that are asked for at once

WITH_TIME = """
select n.nspname, c.relname,
       coalesce(case when i.indnkeyatts = 1 then k.attname end, ''),
       coalesce(case when i.indnkeyatts = 1 then format_type(k.atttypid, null) end, '')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'created_at' and not a.attisdropped
left join pg_index i on i.indrelid = c.oid and i.indisprimary
left join pg_attribute k on k.attrelid = c.oid and k.attnum = i.indkey[0]
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'
order by 1, 2
"""


@dataclass(frozen=True)
class Table:
    """A table whose rows tell when they were made; ``key`` is empty without a primary key of one column."""

    schema: str
    name: str
    key: str
    type: str

    @property
    def place(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Made:
    """The rows of one table; ``keys`` is None where they have none of one column."""

    table: Table
    rows: int
    keys: list[str] | None


def tables(connection: Connection) -> list[Table]:
    """Every table with a ``created_at``."""
    return [Table(*row) for row in connection.execute(WITH_TIME)]


def made_since(live: Connection, table: Table, since: datetime, copy: Connection | None) -> Made:
    """Rows with a time after ``since`` (UTC, without a zone) that the ``copy``, if there is one, lacks."""
    if not table.key:
        counted = sql.SQL("select count(*) from {} where created_at > %s").format(table.place)
        row = live.execute(counted, [since]).fetchone()
        return Made(table, row[0] if row else 0, None)
    asked = sql.SQL("select {key}::text from {table} where created_at > %s order by created_at, {key}")
    query = asked.format(key=sql.Identifier(table.key), table=table.place)
    keys = [key for (key,) in live.execute(query, [since])]
    if copy is not None and keys:
        known = _known(copy, table, keys)
        keys = [key for key in keys if key not in known]
    return Made(table, len(keys), keys)


def _known(copy: Connection, table: Table, keys: Sequence[str]) -> set[str]:
    """Which of the keys the copy has; none when it does not have the table."""
    name = table.place.as_string(copy)
    there = copy.execute("select to_regclass(%s)", [name]).fetchone()
    if there is None or there[0] is None:
        return set()
    asked = sql.SQL("select {key}::text from {table} where {key} = any(%s::{type}[])")
    query = asked.format(key=sql.Identifier(table.key), table=table.place, type=sql.SQL(table.type))
    return {key for batch in _batches(keys) for (key,) in copy.execute(query, [batch])}


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(keys), BATCH):
        yield list(keys[first : first + BATCH])


def money(live: Connection, made: Made, asked: Mapping[str, Any], since: datetime) -> dict[str, Any]:
    """The sum of ``asked["sum"]`` over those rows, by the columns ``asked["by"]``."""
    by = sql.SQL(", ").join(sql.Identifier(name) for name in asked["by"])
    table = made.table
    which = sql.Composed([sql.SQL("created_at > %s")])
    if made.keys is not None:
        which = sql.SQL("{} = any(%s::{}[])").format(sql.Identifier(table.key), sql.SQL(table.type))
    query = sql.SQL("select {}, count(*), sum({}) from {} where {} group by {} order by {}")
    rows = live.execute(
        query.format(by, sql.Identifier(asked["sum"]), table.place, which, by, by),
        [since if made.keys is None else made.keys],
    ).fetchall()
    return {
        "table": asked["table"],
        "groups": [{"by": list(map(str, row[:-2])), "rows": row[-2], "sum": str(row[-1])} for row in rows],
    }
