"""How large tables are on the disk now, all of them with one question: statistics may be old or missing."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from integrations.parity.snapshot import Snapshot
from integrations.parity.tables import Table

PAGES = """
select n.nspname, c.relname, (coalesce(pg_relation_size(c.oid), 0)
         + case when c.relkind = 'p' then (select coalesce(sum(pg_relation_size(relid)), 0)
                                             from pg_partition_tree(c.oid)) else 0 end)::bigint / 8192
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""

BY_STATISTICS = """
select n.nspname, c.relname, c.relpages
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and (n.nspname, c.relname) in (select * from unnest({schemas}, {names}))
"""


LEAVES = """
select (pg_relation_size(c.oid) / 8192)::int, c.relkind = 'r'
  from pg_partition_tree({table}::regclass) t join pg_class c on c.oid = t.relid where t.isleaf
"""


def leaves_of(snapshot: Snapshot, table: Table) -> list[int]:
    """Pages of each partition of a table that is partitioned; none where one of them is another server's."""
    name = sql.Literal(sql.Identifier(table.schema, table.name).as_string(snapshot.connection))
    found = snapshot.rows(sql.SQL(LEAVES).format(table=name))
    return [pages for pages, _ in found] if all(ours for _, ours in found) else []


def pages_of(snapshot: Snapshot, tables: Iterable[Table]) -> dict[tuple[str, str], int]:
    """Table, as (schema, name) → its 8 kB pages, with those of its partitions; a view has none."""
    places = [(table.schema, table.name) for table in tables]
    lists = [sql.SQL("{}::text[]").format(sql.Literal(list(part))) for part in zip(*places, strict=True)]
    if not lists:
        return {}
    try:
        with snapshot.attempt():
            found = snapshot.rows(sql.SQL(PAGES).format(schemas=lists[0], names=lists[1]))
    except psycopg.Error:  # one of them is locked: statistics ask for no lock
        found = snapshot.rows(sql.SQL(BY_STATISTICS).format(schemas=lists[0], names=lists[1]))
    return {(schema, name): int(pages) for schema, name, pages in found}
