"""How large tables are on disk, read with one query for all: the planner's statistics may be old."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot

#: Those that are read with what inherits from them are listed once more.
PAGES = """
select n.nspname, c.relname, (coalesce(pg_relation_size(c.oid), 0)
         + case when c.relkind = 'p' then (select coalesce(sum(pg_relation_size(relid)), 0)
                                             from pg_partition_tree(c.oid))
                when (n.nspname, c.relname) in (select * from unnest({parent_schemas}, {parents})) then
                  (with recursive below(oid) as (
                     select inhrelid from pg_inherits where inhparent = c.oid
                     union select h.inhrelid from pg_inherits h join below b on h.inhparent = b.oid)
                   select coalesce(sum(pg_relation_size(oid)), 0) from below)
                else 0 end)::bigint / 8192
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""

PAGES_IN_STATISTICS = """
select n.nspname, c.relname, c.relpages
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""

#: Of partitions, or of a table and what inherits from it.
PARTITIONS = """
with recursive below(oid) as (
  select {table}::regclass::oid
  union select h.inhrelid from pg_inherits h join below b on h.inhparent = b.oid)
select coalesce(pg_relation_size(c.oid) / 8192, 0)::int, c.relkind = 'r'
  from below join pg_class c on c.oid = below.oid where c.relkind in ('r', 'f')
"""


def read_partition_pages(snapshot: Snapshot, table: CatalogTable) -> list[int]:
    """8 kB pages of each partition of a table, or of each table that is read with it.

    An empty list when one of them is a foreign table.
    """
    name = sql.Literal(sql.Identifier(table.schema, table.name).as_string(snapshot.connection))
    found = snapshot.fetch_rows(sql.SQL(PARTITIONS).format(table=name))
    return [pages for pages, _ in found] if all(is_local for _, is_local in found) else []


def read_table_pages(snapshot: Snapshot, tables: Iterable[CatalogTable]) -> dict[tuple[str, str], int]:
    """(schema, name) → 8 kB pages of the table and what is read with it; a view has no entry."""
    tables = list(tables)
    if not tables:
        return {}
    schemas, names = _lists(tables)
    parent_schemas, parents = _lists([table for table in tables if table.with_children])
    query = sql.SQL(PAGES).format(
        schemas=schemas, names=names, parent_schemas=parent_schemas, parents=parents
    )
    try:
        with snapshot.savepoint():
            found = snapshot.fetch_rows(query)
    except psycopg.Error:
        # pg_relation_size() locks the table, and one of them is locked. Statistics need no lock.
        found = snapshot.fetch_rows(sql.SQL(PAGES_IN_STATISTICS).format(schemas=schemas, names=names))
    return {(schema, name): int(pages) for schema, name, pages in found}


def _lists(tables: Iterable[CatalogTable]) -> tuple[sql.Composable, sql.Composable]:
    """Their schemas and names as two arrays."""
    places = [(table.schema, table.name) for table in tables]
    schemas, names = (
        sql.SQL("{}::text[]").format(sql.Literal([place[part] for place in places])) for part in (0, 1)
    )
    return schemas, names
