"""Foreign tables of a database, and the tables through which their rows can be read."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.server.catalog import LABEL, PARENT_LABEL, schema_condition
from integrations.parity.server.snapshot import Snapshot

#: With the tables from which they inherit, or of which they are partitions, over any number of steps.
FOREIGN_TABLES = """
select {label}, array(
    with recursive above(oid) as (
      select h.inhparent from pg_inherits h where h.inhrelid = c.oid
      union select h.inhparent from pg_inherits h join above a on a.oid = h.inhrelid)
    select {parent} from above a join pg_class p on p.oid = a.oid
      join pg_namespace m on m.oid = p.relnamespace)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'f' and {schemas} order by n.nspname, c.relname
"""


def read_foreign_tables(snapshot: Snapshot, schemas: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Labels of foreign tables → labels of the tables through which their rows can be read."""
    query = sql.SQL(FOREIGN_TABLES).format(
        schemas=schema_condition(schemas), label=LABEL, parent=PARENT_LABEL
    )
    return dict(snapshot.fetch_rows(query))
