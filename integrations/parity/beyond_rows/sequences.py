"""Sequences that are behind the highest value of their column: the next insert there would fail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import sql

from integrations.parity.server.server_errors import name_grant, safe_message

#: Sequences that a column owns (serial, identity) or takes its default from.
OWNED = """
select distinct sn.nspname, s.relname, tn.nspname, t.relname, a.attname, q.seqincrement, t.relkind = 'p',
       exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
                where i.indrelid = t.oid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null
                  and m.amname = 'btree')
  from pg_depend d
  left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
  join pg_class s on s.relkind = 'S' and s.oid = case when d.classid = 'pg_attrdef'::regclass
                                                      then d.refobjid else d.objid end
  join pg_sequence q on q.seqrelid = s.oid join pg_namespace sn on sn.oid = s.relnamespace
  join pg_class t on t.relkind in ('r', 'p') and t.oid = coalesce(f.adrelid, d.refobjid)
  join pg_namespace tn on tn.oid = t.relnamespace
  join pg_attribute a on a.attrelid = t.oid and a.attnum = coalesce(f.adnum, d.refobjsubid)
  join pg_type y on y.oid = a.atttypid
 where (d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
        or d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0)
   and y.typname in ('int2', 'int4', 'int8') and tn.nspname !~ '^pg_'
   and ({schemas} = '{{}}'::text[] or tn.nspname = any({schemas}))
 order by 1, 2, 3, 4
"""


@dataclass(frozen=True)
class SequenceBehind:
    """A sequence whose ``next`` value is not above the ``highest`` value of ``column`` in ``table``.

    ``next`` is None where the sequence could not be read; ``reason`` then says why.
    """

    sequence: str
    table: str
    column: str
    next: int | None
    highest: int | None
    reason: str = ""


class RowReader(Protocol):
    """What this module needs of a session: a snapshot of a comparison, or another one in a transaction."""

    def fetch_rows(self, query: sql.Composable) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def savepoint(self) -> AbstractContextManager[None]:
        """A failed query inside the block does not end the transaction."""


NO_INDEX = "its column has no index, and its highest value was not looked for in every row"


def find_sequences_behind(
    snapshot: RowReader, schemas: tuple[str, ...] = (), *, only_indexed: bool = False
) -> list[SequenceBehind]:
    """Every ascending sequence of a column that is behind it, or that could not be read.

    ``only_indexed``: no table is read from end to end; a sequence of a column without an index counts as
    one that could not be read.
    """
    schema_list = sql.SQL("{}::text[]").format(sql.Literal(list(schemas)))
    owned = snapshot.fetch_rows(sql.SQL(OWNED).format(schemas=schema_list))
    found = []
    for schema, name, table_schema, table, column, step, partitioned, indexed in owned:
        if step < 0:
            continue  # a descending sequence generates no keys that could collide with the highest one
        labels = f"{schema}.{name}", f"{table_schema}.{table}", column
        if only_indexed and not indexed:
            found.append(SequenceBehind(*labels, None, None, NO_INDEX))
            continue
        only = sql.SQL("" if partitioned else "ONLY ")
        table_name = only + sql.Identifier(table_schema, table)
        query = _next_and_highest(sql.Identifier(schema, name), step, table_name, column)
        try:
            with snapshot.savepoint():
                upcoming, highest = snapshot.fetch_rows(query)[0]
        except psycopg.Error as error:
            found.append(SequenceBehind(*labels, None, None, safe_message(error) + name_grant(error)))
            continue
        if highest is not None and upcoming <= highest:
            found.append(SequenceBehind(*labels, upcoming, highest))
    return found


def _next_and_highest(
    sequence: sql.Identifier, step: int, table: sql.Composable, column: str
) -> sql.Composable:
    return sql.SQL(
        "SELECT CASE WHEN s.is_called THEN s.last_value + {} ELSE s.last_value END,"
        " (SELECT max({})::bigint FROM {}) FROM {} AS s"
    ).format(sql.Literal(step), sql.Identifier(column), table, sequence)
