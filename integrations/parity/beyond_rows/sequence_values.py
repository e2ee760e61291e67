"""Sequences themselves, whether a column owns them or not: their parameters and their next values."""

from __future__ import annotations

import re
from itertools import islice

from psycopg import sql

from integrations.parity.beyond_rows.object_kinds import DATABASE, ObjectKind, ObjectRow, build_query
from integrations.parity.server.snapshot import Snapshot

SEQUENCES_PER_QUERY = 200  # each is locked until its query has ended
DESCENDING = " (descending)"

PARAMETERS = """
select coalesce({parent_label}, {database}), {label}, concat_ws(' ', format_type(q.seqtypid, null),
         'start', q.seqstart, 'increment', q.seqincrement, 'min', q.seqmin, 'max', q.seqmax,
         case when q.seqcycle then 'cycle' end, 'owned by ' || {parent_label} || '.' || a.attname)
  from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
                       and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
  left join pg_class pc on pc.oid = d.refobjid left join pg_namespace pn on pn.oid = pc.relnamespace
  left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
 where {relations}"""

NAMES = """
select n.nspname, c.relname, {label}, q.seqincrement
  from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
 where {relations} order by 1, 2"""


def is_behind(source: str | None, target: str | None) -> bool:
    """Whether the target would give out numbers again that the source gave out."""
    if source is None or target is None:
        return False
    before, after = (int(re.findall(r"-?\d+", text)[0]) for text in (source, target))
    return after > before if source.endswith(DESCENDING) else after < before


def read_values(snapshot: Snapshot, schemas: tuple[str, ...]) -> list[ObjectRow]:
    """The next value of each sequence."""
    named = iter(snapshot.fetch_rows(build_query(NAMES, schemas)))
    rows: list[ObjectRow] = []
    while some := list(islice(named, SEQUENCES_PER_QUERY)):
        each = [_next_value(*one) for one in some]
        with snapshot.savepoint():
            found = snapshot.fetch_rows(sql.SQL(" UNION ALL ").join(each))
        rows += [(DATABASE, label, f"next is {value}{order}") for label, order, value in found]
    return rows


def _next_value(schema: str, name: str, label: str, step: int) -> sql.Composable:
    return sql.SQL(
        "SELECT {}, {}, CASE WHEN is_called THEN last_value::numeric + {} ELSE last_value END FROM {}"
    ).format(
        sql.Literal(label),
        sql.Literal(DESCENDING if step < 0 else ""),
        sql.Literal(step),
        sql.Identifier(schema, name),
    )


SEQUENCES = ObjectKind("sequences", PARAMETERS)
SEQUENCE_VALUES = ObjectKind("sequence values", read=read_values, differs=is_behind)
KINDS = (SEQUENCES, SEQUENCE_VALUES)
