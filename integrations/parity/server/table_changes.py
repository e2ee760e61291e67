"""Finds tables that were changed by DDL after the snapshot was taken: it does not show their rows of then.

TRUNCATE and an ALTER TABLE that rewrites are not MVCC-safe: a snapshot of before sees an empty table. A name
may lead to another table, a partition may be detached, and a column may be another one of the same name.
https://www.postgresql.org/docs/current/mvcc-caveats.html

Queries on the catalogs answer as of the snapshot. `pg_relation_filenode()`, `pg_partition_tree()`,
`to_regclass()` and the description of an answer tell what is there now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot

#: Two answers: of the table, its partitions and what a view reads, whether they are those of the snapshot,
#: the settings that are in force, and the columns at the snapshot; then (without a row) the columns now.
CHANGES = """
with recursive seen(oid, relkind, relfilenode, with_children) as (
  select c.oid, c.relkind, c.relfilenode, c.relkind <> 'r' or {children}
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = {schema} and c.relname = {name}
  union select c.oid, c.relkind, c.relfilenode, true from seen s
   cross join lateral (
     select inhrelid as oid from pg_inherits where inhparent = s.oid and s.with_children
     union all select d.refobjid from pg_rewrite w join pg_depend d
         on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      where w.ev_class = s.oid and s.relkind = 'v' and d.refobjid <> s.oid) used
   join pg_class c on c.oid = used.oid),
children_then as (
  select inhparent, inhrelid from pg_inherits where inhparent in (select oid from seen where relkind = 'p')),
children_now as (
  select t.parentrelid::oid, t.relid::oid from seen s cross join lateral pg_partition_tree(s.oid) t
   where s.relkind = 'p' and t.level > 0)
select to_regclass({place})::oid is distinct from
         (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = {schema} and c.relname = {name}),
       exists (select from seen where relkind in ('r', 'm') and relfilenode <> 0
                and relfilenode is distinct from pg_relation_filenode(oid)),
       exists (table children_then except table children_now)
         or exists (table children_now except table children_then),
       {settings},
       (select array_agg(concat_ws(' ', attnum, attname) order by attnum) from pg_attribute
         where attrelid = to_regclass({place}) and attnum > 0 and not attisdropped
           and attname = any({names}));
select {columns} from {table} as r limit 0
"""

REASONS = (
    "its name leads to another table now",
    "it was rewritten or truncated (ALTER TABLE, TRUNCATE, VACUUM FULL)",
    "its partitions are not those of then",
)

#: A partition counts for its table.
REWRITTEN = """
select distinct n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_class f on f.relkind in ('r', 'm') and f.oid in (
    select c.oid union all select relid from pg_partition_tree(c.oid) where c.relkind = 'p')
 where (n.nspname, c.relname) in (select * from unnest({schemas}::text[], {names}::text[]))
   and f.relfilenode is distinct from pg_relation_filenode(f.oid)
"""


class TableChanged(Exception):
    """A table is not the one that the snapshot knows, so what was read of it proves nothing."""


def require_unchanged(snapshot: Snapshot, table: CatalogTable, columns: Iterable[str]) -> None:
    """Raises `TableChanged` when the table was changed by DDL since the snapshot was taken.

    To be called after the rows were read, in the same savepoint: the locks of the queries then keep it from
    changing between reading and checking. Raises `SettingsLost` as well.
    """
    names = list(columns)
    place = sql.Identifier(table.schema, table.name)
    query = sql.SQL(CHANGES).format(
        schema=sql.Literal(table.schema),
        name=sql.Literal(table.name),
        place=sql.Literal(place.as_string(snapshot.connection)),
        children=sql.Literal(table.with_children),
        names=sql.SQL("{}::text[]").format(sql.Literal(names)),
        settings=snapshot.settings.expression,
        columns=sql.SQL(", ").join(sql.Identifier("r", name) for name in names),
        table=table.from_clause,
    )
    *found, settings, then, now = snapshot.run_query(lambda: _ask(snapshot.connection, query))
    snapshot.settings.require(settings)
    reasons = [reason for reason, is_so in zip(REASONS, found, strict=True) if is_so]
    if sorted(then or []) != sorted(now):
        reasons.append("its columns are not those of then")
    if reasons:
        raise TableChanged(f"it changed while the comparison ran: {'; '.join(reasons)}; compare again")


def _ask(connection: psycopg.Connection[tuple[Any, ...]], query: sql.Composed) -> list[Any]:
    cursor = connection.execute(query, prepare=False)
    row = cursor.fetchall()[0]
    cursor.nextset()
    answer = cursor.pgresult
    assert answer is not None
    encoding = connection.info.encoding
    now = [
        f"{answer.ftablecol(place)} {(answer.fname(place) or b'').decode(encoding)}"
        for place in range(answer.nfields)
    ]
    return [*row, now]


def find_rewritten_tables(snapshot: Snapshot, tables: Sequence[CatalogTable]) -> list[str]:
    """Labels of those of these tables that were rewritten, truncated or dropped since the snapshot."""
    by_place = {(table.schema, table.name): table.label for table in tables}
    schemas, names = (sql.Literal([place[part] for place in by_place]) for part in (0, 1))
    query = sql.SQL(REWRITTEN).format(schemas=schemas, names=names)
    return sorted(by_place[schema, name] for schema, name in snapshot.fetch_rows(query))
