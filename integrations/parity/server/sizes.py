"""How large tables are on disk, read with one query for all: the planner's statistics may be old."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot

PAGES = """
select n.nspname, c.relname, (coalesce(pg_relation_size(c.oid), 0)
         + case when c.relkind = 'p' then (select coalesce(sum(pg_relation_size(relid)), 0)
                                             from pg_partition_tree(c.oid)) else 0 end)::bigint / 8192
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""

PAGES_IN_STATISTICS = """
select n.nspname, c.relname, c.relpages
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""

PARTITIONS = """
select (pg_relation_size(c.oid) / 8192)::int, c.relkind = 'r'
  from pg_partition_tree({table}::regclass) t join pg_class c on c.oid = t.relid where t.isleaf
"""


def read_partition_pages(snapshot: Snapshot, table: CatalogTable) -> list[int]:
    """8 kB pages of each partition of a table; an empty list when one of them is a foreign table."""
    name = sql.Literal(sql.Identifier(table.schema, table.name).as_string(snapshot.connection))
    found = snapshot.fetch_rows(sql.SQL(PARTITIONS).format(table=name))
    return [pages for pages, _ in found] if all(is_local for _, is_local in found) else []


def read_table_pages(snapshot: Snapshot, tables: Iterable[CatalogTable]) -> dict[tuple[str, str], int]:
    """(schema, name) → 8 kB pages of the table and its partitions; a view has no entry."""
    places = [(table.schema, table.name) for table in tables]
    lists = [sql.SQL("{}::text[]").format(sql.Literal(list(part))) for part in zip(*places, strict=True)]
    if not lists:
        return {}
    try:
        with snapshot.savepoint():
            found = snapshot.fetch_rows(sql.SQL(PAGES).format(schemas=lists[0], names=lists[1]))
    except psycopg.Error:
        # pg_relation_size() locks the table, and one of them is locked. Statistics need no lock.
        found = snapshot.fetch_rows(sql.SQL(PAGES_IN_STATISTICS).format(schemas=lists[0], names=lists[1]))
    return {(schema, name): int(pages) for schema, name, pages in found}
