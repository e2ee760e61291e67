"""Sequences that stand behind the highest value of their column: the next insert there would fail."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from integrations.parity.refusals import refusal
from integrations.parity.snapshot import Snapshot

#: sequences that a column owns (serial, identity) or takes its default from
OWNED = """
select distinct sn.nspname, s.relname, tn.nspname, t.relname, a.attname, q.seqincrement, t.relkind = 'p'
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
class Behind:
    """A sequence whose ``next`` value is not above the ``highest`` of ``column`` in ``table``.

    ``next`` is None where it could not be read; ``reason`` then says why.
    """

    sequence: str
    table: str
    column: str
    next: int | None
    highest: int | None
    reason: str = ""


def sequences_behind(snapshot: Snapshot, schemas: tuple[str, ...] = ()) -> list[Behind]:
    """Every ascending sequence of a column that is behind it, or that could not be read."""
    owned = snapshot.rows(
        sql.SQL(OWNED).format(schemas=sql.SQL("{}::text[]").format(sql.Literal(list(schemas))))
    )
    found = []
    for schema, name, table_schema, table, column, step, partitioned in owned:
        if step < 0:
            continue  # counts downwards: no generator of these keys does
        labels = f"{schema}.{name}", f"{table_schema}.{table}", column
        only = sql.SQL("") if partitioned else sql.SQL("ONLY ")
        question = sql.SQL(
            "SELECT CASE WHEN s.is_called THEN s.last_value + {} ELSE s.last_value END,"
            " (SELECT max({})::bigint FROM {}{}) FROM {} AS s"
        ).format(
            sql.Literal(step), sql.Identifier(column), only, sql.Identifier(table_schema, table),
            sql.Identifier(schema, name),
        )  # fmt: skip
        try:
            with snapshot.attempt():
                upcoming, highest = snapshot.rows(question)[0]
        except psycopg.Error as error:
            found.append(Behind(*labels, None, None, refusal(error)))
            continue
        if highest is not None and upcoming <= highest:
            found.append(Behind(*labels, upcoming, highest))
    return found
