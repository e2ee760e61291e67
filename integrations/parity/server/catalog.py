"""What a database has, by its catalogs: tables with columns, families of types, keys and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from integrations.parity.snapshot import Snapshot

#: base type → family; types of one family have a common canonical form (see forms.py)
FAMILIES = {
    "text": "text", "varchar": "text", "bpchar": "text", "name": "text", "citext": "text",
    "int2": "integer", "int4": "integer", "int8": "integer",
    "numeric": "numeric", "float4": "float", "float8": "float",
    "bool": "boolean", "uuid": "uuid", "json": "json", "jsonb": "json",
    "timestamp": "timestamp", "timestamptz": "timestamp", "date": "date", "time": "time",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: ``type`` as PostgreSQL writes it, ``base`` below any domain, ``family`` for pairing.

    A type of no family of its own has ``as_text:<base>``: it is compared by its text.
    """

    name: str
    type: str
    base: str
    family: str


@dataclass(frozen=True)
class Table:
    """A table, or a partitioned one as a whole; ``key`` are columns that tell its rows apart, or ()."""

    schema: str
    name: str
    partitioned: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    estimate: int  # rows by the planner's statistics, which may be old
    is_view: bool = False  # its rows have no place of their own (ctid)

    @property
    def label(self) -> str:
        """The name for people: with its schema unless that is public."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def source(self) -> sql.Composable:
        """What stands behind FROM; without ONLY the rows of inheriting tables would count twice."""
        only = sql.SQL("") if self.partitioned else sql.SQL("ONLY ")
        return only + sql.Identifier(self.schema, self.name)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` is the way back."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Table:
        """The table of which `as_facts` spoke."""
        columns = tuple(Column(**column) for column in facts["columns"])
        return cls(**{**facts, "columns": columns, "key": tuple(facts["key"])})


TABLES = """
select c.oid, n.nspname, c.relname, c.relkind = 'p', c.relkind in ('v', 'm'),
       (select coalesce(sum(greatest(l.reltuples, l.relpages * 10)), 0)::bigint
          from pg_class l where l.relkind = 'r' and (l.oid = c.oid or c.relkind = 'p'
           and l.oid in (select relid from pg_partition_tree(c.oid))))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where (c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and {where}
        or c.relkind in ('v', 'm') and {label} = any({views}))
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                    and d.objid = c.oid and d.deptype = 'e')
 order by 2, 3
"""

#: a domain is followed down to its base type
COLUMNS = """
with recursive below(oid, base) as (
  select oid, oid from pg_type where typtype <> 'd'
  union all select t.oid, b.base from pg_type t join below b on t.typbasetype = b.oid where t.typtype = 'd')
select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typtype, t.typcategory
  from pg_attribute a join below on below.oid = a.atttypid join pg_type t on t.oid = below.base
 where a.attnum > 0 and not a.attisdropped and a.attrelid = any({tables})
 order by a.attrelid, a.attnum
"""

#: primary key first, then whole unique indexes of NOT NULL columns, the shortest first
KEYS = """
select i.indrelid, array(select a.attname::text from unnest(i.indkey[0:i.indnkeyatts - 1])
         with ordinality k(attnum, place) join pg_attribute a
           on a.attrelid = i.indrelid and a.attnum = k.attnum order by k.place)
  from pg_index i
 where i.indrelid = any({tables}) and i.indisunique and i.indisvalid
   and i.indpred is null and i.indexprs is null
   and not exists (select from pg_attribute a where a.attrelid = i.indrelid and not a.attnotnull
                    and a.attnum = any(i.indkey[0:i.indnkeyatts - 1]))
 order by i.indrelid, i.indisprimary desc, i.indnkeyatts, i.indexrelid
"""

LABEL = sql.SQL("case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname")

UNREAD = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'f' and {where} order by 1, 2
"""


def _where(schemas: tuple[str, ...]) -> sql.Composable:
    if schemas:
        return sql.SQL("n.nspname = any({})").format(sql.Literal(list(schemas)))
    return sql.SQL("n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")


def read_tables(
    snapshot: Snapshot, schemas: tuple[str, ...] = (), views: tuple[str, ...] = ()
) -> dict[tuple[str, str], Table]:
    """Every table by (schema, name), in those schemas or, when none is named, in all but the system's.

    Tables of extensions and temporary ones are left out; a partition is part of its parent. Of views
    only those are read that are named by their labels; they have no key.
    """
    asked = sql.SQL(TABLES).format(
        where=_where(schemas), label=LABEL, views=sql.SQL("{}::text[]").format(sql.Literal(list(views)))
    )
    found = snapshot.rows(asked)
    oids = sql.Literal([row[0] for row in found])
    if not found:
        return {}
    columns: dict[int, list[Column]] = {}
    for oid, name, written, base, kind, category in snapshot.rows(sql.SQL(COLUMNS).format(tables=oids)):
        columns.setdefault(oid, []).append(Column(name, written, base, _family(base, kind, category)))
    keys: dict[int, tuple[str, ...]] = {}
    for oid, names in snapshot.rows(sql.SQL(KEYS).format(tables=oids)):
        keys.setdefault(oid, tuple(names))
    return {
        (schema, name): Table(
            schema, name, whole, tuple(columns.get(oid, ())), keys.get(oid, ()), int(size), is_view
        )
        for oid, schema, name, whole, is_view, size in found
    }


def _family(base: str, kind: str, category: str) -> str:
    if kind == "e":
        return "text"  # an enum is compared by its labels: its numbers differ between servers
    if category == "A":
        return "array"
    return FAMILIES.get(base, f"as_text:{base}")


def read_foreign_tables(snapshot: Snapshot, schemas: tuple[str, ...] = ()) -> list[str]:
    """Foreign tables: their rows are another server's, so they are named and not compared."""
    rows = snapshot.rows(sql.SQL(UNREAD).format(where=_where(schemas)))
    return [name if schema == "public" else f"{schema}.{name}" for schema, name in rows]
