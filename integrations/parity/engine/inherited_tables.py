"""Tables that are compared together with those that inherit from them: partitions of before PostgreSQL 10."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from psycopg import sql

from integrations.parity.model.declared import DeclaredRule
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot

#: (schema, name) of each table that inherits from the given one, over any number of steps.
CHILDREN = """
with recursive below(oid) as (
  select h.inhrelid from pg_inherits h join pg_class c on c.oid = h.inhparent
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = {schema} and c.relname = {name}
  union select h.inhrelid from pg_inherits h join below b on h.inhparent = b.oid)
select n.nspname, c.relname, c.relkind = 'f' from below b join pg_class c on c.oid = b.oid
  join pg_namespace n on n.oid = c.relnamespace
"""


def join_children(
    tables: Mapping[tuple[str, str], CatalogTable], snapshot: Snapshot, rules: Iterable[DeclaredRule]
) -> Mapping[tuple[str, str], CatalogTable]:
    """The tables; those that a rule ``with_children`` names hold the rows of their children, too, and these
    are known as parts of them. A partitioned table holds the rows of its partitions in any case."""
    wanted = [rule for rule in rules if rule.kind == "with_children"]
    found = dict(tables)
    for place, table in tables.items():
        if table.partitioned or table.is_view or not any(rule.matches(table.label) for rule in wanted):
            continue
        query = sql.SQL(CHILDREN).format(schema=sql.Literal(table.schema), name=sql.Literal(table.name))
        rows = snapshot.fetch_rows(query)
        children, is_foreign = {row[:2] for row in rows}, any(row[2] for row in rows)
        found[place] = replace(table, partitioned=True, with_children=True, has_foreign_parts=is_foreign)
        for other, child in tables.items():
            if (child.schema, child.name) in children:
                found[other] = replace(child, part_of=table.label)
    return found
