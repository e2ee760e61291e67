"""The tables of a database, from its catalogs: columns, families of types, keys, estimated sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from psycopg import sql

from integrations.parity.server.column_types import WITH_PARTS, TypeStructures, find_output, text_of
from integrations.parity.server.snapshot import Snapshot

#: Base type → family. Types of one family have a common canonical form (model/canonical_forms.py).
FAMILIES = {
    "text": "text", "varchar": "text", "bpchar": "text", "name": "text", "citext": "text",
    "int2": "integer", "int4": "integer", "int8": "integer",
    "numeric": "numeric", "float4": "float", "float8": "float",
    "bool": "boolean", "uuid": "uuid", "json": "json", "jsonb": "json",
    "timestamp": "timestamp", "timestamptz": "timestamp", "date": "date", "time": "time",
}  # fmt: skip


#: A name with one of these signs is quoted in a label: the table b of schema a is not the table "a.b".
#: A parenthesis begins the names of what is no table.
SPECIAL_IN_LABELS = re.compile(r'[."(]')


def quote_name(name: str) -> str:
    """A part of a label, quoted as PostgreSQL does it where it could be mistaken for two."""
    return '"{}"'.format(name.replace('"', '""')) if SPECIAL_IN_LABELS.search(name) else name


def make_label(schema: str, name: str) -> str:
    """The label of a table: with the schema unless that is public. No two tables share one."""
    return quote_name(name) if schema == "public" else f"{quote_name(schema)}.{quote_name(name)}"


def split_label(label: str) -> tuple[str, str]:
    """The schema and the name of a label of `make_label`."""
    parts = [
        part[1:-1].replace('""', '"') if part.startswith('"') else part
        for part in re.findall(r'"(?:[^"]|"")*"|[^."]+', label)
    ]
    return (parts[0], parts[1]) if len(parts) == 2 else ("public", parts[0] if parts else "")


@dataclass(frozen=True)
class CatalogColumn:
    """A column: ``type`` as PostgreSQL writes it, ``base`` type below any domain, ``family`` of types.

    A type without a family gets ``as_text:`` and its name or, where it is made of others, its ``structure``:
    it is compared by its text. Arrays have a structure as well. ``output`` is how values become text
    (`text_of`). ``stored`` is the name in the table where the column is compared under another one;
    ``expression`` is SQL that is compared instead of the column, and the type is then its type. A column
    that is ``made_up`` of others is not in the table. ``of_numbers``: its type is made of numbers alone, so
    that trailing zeros may be looked for in its text.
    """

    name: str
    type: str
    base: str
    family: str
    output: str = ""
    structure: str = ""
    stored: str = ""
    expression: str = ""
    made_up: bool = False
    of_numbers: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        """The column as it is stored, in a row ``r``."""
        return sql.Identifier("r", self.stored or self.name)

    @property
    def sql_text(self) -> str:
        """What is compared, for people: the expression, or the name that is stored."""
        return self.expression or self.stored or self.name

    @property
    def text(self) -> sql.Composable:
        """The value of the column in a row ``r`` as text, written by its type."""
        return text_of(self.identifier, self.output)


@dataclass(frozen=True)
class CatalogTable:
    """A table, a partitioned table as a whole, or a view.

    ``key`` are columns that identify a row, () when there are none. ``estimate`` is the number of rows
    in the planner's statistics, which may be old. Rows of a view have no ctid. ``known_as`` is the label
    where it is compared under another name, ``condition`` is SQL that a row has to meet to be compared.
    ``with_children``: tables that inherit from it are read with it; they are ``part_of`` it.
    ``has_foreign_parts``: some of its rows are another server's. ``parents`` are labels of the tables
    from which it inherits; those of partitions are not asked for.
    """

    schema: str
    name: str
    partitioned: bool
    columns: tuple[CatalogColumn, ...]
    key: tuple[str, ...]
    estimate: int
    is_view: bool = False
    known_as: str = ""
    condition: str = ""
    with_children: bool = False
    part_of: str = ""
    has_foreign_parts: bool = False
    parents: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name for people and rules."""
        return self.known_as or self.own_label

    @property
    def own_label(self) -> str:
        """The name that it has in its database."""
        return make_label(self.schema, self.name)

    @property
    def from_clause(self) -> sql.Composable:
        """The table after FROM; without ONLY the rows of inheriting tables would count twice."""
        only = sql.SQL("") if self.partitioned else sql.SQL("ONLY ")
        return only + sql.Identifier(self.schema, self.name)

    def column(self, name: str) -> CatalogColumn | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` reads them."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> CatalogTable:
        """The table from `as_facts`."""
        columns = tuple(CatalogColumn(**column) for column in facts["columns"])
        parents = tuple(facts.get("parents", ()))
        return cls(**{**facts, "columns": columns, "key": tuple(facts["key"]), "parents": parents})


TABLES = """
select c.oid, n.nspname, c.relname, c.relkind = 'p', c.relkind in ('v', 'm'),
       (select coalesce(sum(greatest(l.reltuples, l.relpages * 10)), 0)::bigint
          from pg_class l where l.relkind = 'r' and (l.oid = c.oid or c.relkind = 'p'
           and l.oid in (select relid from pg_partition_tree(c.oid)))),
       c.relkind = 'p' and exists (select from pg_partition_tree(c.oid) t join pg_class f on f.oid = t.relid
                                    where f.relkind = 'f'),
       array(select {parent} from pg_inherits h join pg_class p on p.oid = h.inhparent
               join pg_namespace m on m.oid = p.relnamespace where h.inhrelid = c.oid order by h.inhseqno)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where (c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and {schemas}
        or c.relkind in ('v', 'm') and {label} = any({views}))
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                    and d.objid = c.oid and d.deptype = 'e')
 order by 2, 3
"""

#: A domain is followed down to its base type.
COLUMNS = """
with recursive below(oid, base) as (
  select oid, oid from pg_type where typtype <> 'd'
  union all select t.oid, b.base from pg_type t join below b on t.typbasetype = b.oid where t.typtype = 'd')
select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), t.oid,
       case when t.typnamespace = 'pg_catalog'::regnamespace or t.typname = 'citext' and t.typtype = 'b'
            then t.typname::text else concat_ws('.', t.typnamespace::regnamespace, t.typname) end,
       t.typname, t.typtype, t.typcategory, t.typoutput = 'array_out'::regproc, t.oid <> a.atttypid
  from pg_attribute a join below on below.oid = a.atttypid join pg_type t on t.oid = below.base
 where a.attnum > 0 and not a.attisdropped and a.attrelid = any({tables})
 order by a.attrelid, a.attnum
"""

#: The primary key first, then complete unique indexes of NOT NULL columns, the shortest first.
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


def label_expression(schema: str, name: str) -> sql.Composable:
    """`make_label` in SQL, of two expressions."""
    quoted = [
        sql.SQL(
            "case when {name} ~ {special} then '\"' || replace({name}, '\"', '\"\"') || '\"'"
            " else {name}::text end"
        ).format(name=sql.SQL(part), special=sql.Literal(SPECIAL_IN_LABELS.pattern))
        for part in (schema, name)
    ]
    return sql.SQL(
        "case {schema} when 'public' then '' else {quoted_schema} || '.' end || {quoted_name}"
    ).format(schema=sql.SQL(schema), quoted_schema=quoted[0], quoted_name=quoted[1])


#: `CatalogTable.label` in SQL.
LABEL = label_expression("n.nspname", "c.relname")

PARENT_LABEL = label_expression("m.nspname", "p.relname")


def schema_condition(schemas: tuple[str, ...]) -> sql.Composable:
    """The condition that a schema, ``n``, is one of these; without any, that it is not the system's."""
    if schemas:
        return sql.SQL("n.nspname = any({})").format(sql.Literal(list(schemas)))
    return sql.SQL("n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")


def read_tables(
    snapshot: Snapshot, schemas: tuple[str, ...] = (), views: tuple[str, ...] = ()
) -> dict[tuple[str, str], CatalogTable]:
    """Every table by (schema, name), in ``schemas`` or, if that is empty, in all but the system's.

    Temporary tables and tables of extensions are left out; a partition belongs to its parent. Views are
    read only when ``views`` contains their label; they have no key.
    """
    query = sql.SQL(TABLES).format(
        schemas=schema_condition(schemas),
        label=LABEL,
        parent=PARENT_LABEL,
        views=sql.SQL("{}::text[]").format(sql.Literal(list(views))),
    )
    with snapshot.savepoint():  # pg_partition_tree() locks the partitions
        found = snapshot.fetch_rows(query)
    if not found:
        return {}
    oids = sql.Literal([row[0] for row in found])
    columns, keys = _read_columns(snapshot, oids), _read_keys(snapshot, oids)
    return {
        (schema, name): CatalogTable(
            schema,
            name,
            partitioned,
            tuple(columns.get(oid, ())),
            keys.get(oid, ()),
            int(size),
            is_view,
            has_foreign_parts=has_foreign_parts,
            parents=tuple(parents),
        )
        for oid, schema, name, partitioned, is_view, size, has_foreign_parts, parents in found
    }


def _read_columns(snapshot: Snapshot, oids: sql.Literal) -> dict[int, list[CatalogColumn]]:
    columns: dict[int, list[CatalogColumn]] = {}
    rows = snapshot.fetch_rows(sql.SQL(COLUMNS).format(tables=oids))
    made_of_others = {row[3] for row in rows if row[6] in WITH_PARTS or row[7] == "A"}
    structures = TypeStructures(snapshot, made_of_others)
    for oid, name, written, number, base, type_name, kind, category, is_array, is_domain in rows:
        structure = structures.describe(number) if number in made_of_others else ""
        family = family_of(base, kind, category, structure or type_name)
        output = find_output(base, kind, is_array=is_array, is_domain=is_domain)
        column = CatalogColumn(name, written, base, family, output, structure)
        is_numbers = bool(structure) and structures.is_made_of_numbers(number)
        columns.setdefault(oid, []).append(replace(column, of_numbers=is_numbers))
    return columns


def _read_keys(snapshot: Snapshot, oids: sql.Literal) -> dict[int, tuple[str, ...]]:
    keys: dict[int, tuple[str, ...]] = {}
    for oid, names in snapshot.fetch_rows(sql.SQL(KEYS).format(tables=oids)):
        keys.setdefault(oid, tuple(names))
    return keys


def family_of(base: str, kind: str, category: str, otherwise: str) -> str:
    """The family of types of a base type; ``otherwise`` names a type without one."""
    if kind == "e":
        return "text"  # an enum is compared by its labels: its numbers differ between servers
    if category == "A":
        return "array"
    return FAMILIES.get(base, f"as_text:{otherwise}")
