"""Content that no table of the user holds: large objects, and what users wrote into tables of extensions."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.beyond_rows.object_kinds import DATABASE, ObjectKind, ObjectRow, build_query
from integrations.parity.server.catalog import make_label
from integrations.parity.server.snapshot import Snapshot

LARGE_OBJECTS = ObjectKind(
    "large objects",
    "select {database}, 'large objects', count(*)::text from pg_largeobject_metadata having count(*) > 0",
)

#: A page of zeros may be missing, as may a whole end of zeros: after a restore it is written.
CONTENTS = """
select sum(hashtextextended(concat_ws(' ', loid, size, pages) collate "C", 7)::numeric) from (
  select loid, max(pageno * 2048::bigint + length(data)) as size,
         sum(case when btrim(data, '\\x00'::bytea) = '' then 0
                  else hashtextextended(encode(sha256(data), 'hex') collate "C", pageno)::numeric
             end) as pages
    from pg_largeobject group by loid) one"""


def read_contents(snapshot: Snapshot, schemas: tuple[str, ...]) -> list[ObjectRow]:
    """One digest over all large objects; where there are none, nothing is read that needs a right."""
    if not snapshot.fetch_value(sql.SQL("select exists (select from pg_largeobject_metadata)")):
        return []
    return [(DATABASE, "contents", f"digest {snapshot.fetch_value(sql.SQL(CONTENTS))}")]


#: Those that pg_dump dumps with the user's data, which the extension says with pg_extension_config_dump().
CONFIGURATION = """
select n.nspname, c.relname, x.extname::text, coalesce(x.condition, '')
  from (select extname, unnest(extconfig) as oid, unnest(extcondition) as condition from pg_extension) x
  join pg_class c on c.oid = x.oid and c.relkind in ('r', 'p') join pg_namespace n on n.oid = c.relnamespace
 where {schemas} order by 1, 2"""


def read_extension_rows(snapshot: Snapshot, schemas: tuple[str, ...]) -> list[ObjectRow]:
    """Number and digest of the users' rows in each configuration table of an extension."""
    rows: list[ObjectRow] = []
    for schema, name, extension, condition in snapshot.fetch_rows(build_query(CONFIGURATION, schemas)):
        query = sql.SQL(
            'SELECT count(*), sum(hashtextextended(textin(record_out(r)) COLLATE "C", 3)::numeric)'
            " FROM (SELECT * FROM {} {}) AS r"
        ).format(sql.Identifier(schema, name), sql.SQL(condition))
        with snapshot.savepoint():
            ((count, digest),) = snapshot.fetch_rows(query)
        content = f"{count} rows of users in extension {extension}, digest {digest or 0}"
        rows.append((DATABASE, make_label(schema, name), content))
    return rows


CONTENTS_OF_LARGE_OBJECTS = ObjectKind("contents of large objects", read=read_contents)
EXTENSION_TABLES = ObjectKind("tables of extensions", read=read_extension_rows)
KINDS = (LARGE_OBJECTS, CONTENTS_OF_LARGE_OBJECTS, EXTENSION_TABLES)
