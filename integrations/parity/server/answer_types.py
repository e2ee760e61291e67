"""The type of what a query answers, described as the catalogs describe that of a column."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.server.catalog import CatalogColumn, family_of
from integrations.parity.server.column_types import WITH_PARTS, TypeStructures, find_output
from integrations.parity.server.snapshot import Snapshot

#: A domain is followed down to its base type.
TYPE = """
with recursive below(oid) as (
  select {number}::oid
  union all select t.typbasetype from pg_type t join below b on b.oid = t.oid where t.typtype = 'd')
select t.oid, format_type({number}, null),
       case when t.typnamespace = 'pg_catalog'::regnamespace or t.typname = 'citext' and t.typtype = 'b'
            then t.typname::text else concat_ws('.', t.typnamespace::regnamespace, t.typname) end,
       t.typname, t.typtype, t.typcategory, t.typoutput = 'array_out'::regproc, t.oid <> {number}
  from below b join pg_type t on t.oid = b.oid where t.typtype <> 'd'
"""


def read_type(snapshot: Snapshot, number: int) -> CatalogColumn:
    """A column without a name, of the type of that number. It says no digits or length: expressions may
    hold more than their type says."""
    query = sql.SQL(TYPE).format(number=sql.Literal(number))
    ((oid, written, base, name, kind, category, is_array, is_domain),) = snapshot.fetch_rows(query)
    has_parts = kind in WITH_PARTS or category == "A"
    structures = TypeStructures(snapshot, [oid] if has_parts else [])
    structure = structures.describe(oid) if has_parts else ""
    output = find_output(base, kind, is_array=is_array, is_domain=is_domain)
    family = family_of(base, kind, category, structure or name)
    of_numbers = has_parts and structures.is_made_of_numbers(oid)
    return CatalogColumn("", written, base, family, output, structure, of_numbers=of_numbers)
