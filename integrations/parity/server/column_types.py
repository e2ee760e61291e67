"""What a type is made of, and how its values become text without a cast.

A cast to text may be defined by a user and leave out a part of the value, so values are written by the output
function of their type. Composite types and ranges are known by their parts: a name says nothing about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from integrations.parity.server.snapshot import Snapshot

#: Built-in types that PostgreSQL itself casts to text in another way than their output function writes them.
#: Nobody can define another cast for these.
OWN_CASTS = frozenset({"text", "varchar", "bpchar", "name", "char", "bool", "cidr", "inet", "xml", "citext"})
#: Built-in type → its output function.
OUTPUT_FUNCTIONS = {
    "int2": "int2out", "int4": "int4out", "int8": "int8out", "numeric": "numeric_out",
    "float4": "float4out", "float8": "float8out", "uuid": "uuid_out",
    "json": "json_out", "jsonb": "jsonb_out",
    "timestamp": "timestamp_out", "timestamptz": "timestamptz_out", "date": "date_out", "time": "time_out",
}  # fmt: skip
#: Types of one entry are written alike, so a part of a composite type may change from one to another.
WRITTEN_ALIKE = {"varchar": "text", "int2": "integer", "int4": "integer", "int8": "integer"}
#: Types that are written with nothing but numbers and brackets.
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})

TYPES = """
select t.oid, t.typname, t.typtype, t.typoutput = 'array_out'::regproc, t.typbasetype, t.typelem,
       array(select a.attname::text from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0
              and not a.attisdropped order by a.attnum),
       array(select a.atttypid from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0
              and not a.attisdropped order by a.attnum),
       r.rngsubtype, concat_ws(' ', l.collname, o.opcname)
  from pg_type t
  left join pg_range r on t.oid in (r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid)  -- from 14 on
  left join pg_collation l on l.oid = r.rngcollation left join pg_opclass o on o.oid = r.rngsubopc
 where t.oid = any({oids})
"""

#: Kinds of types (typtype) that have parts: composite, range, multirange.
WITH_PARTS = ("c", "r", "m")


@dataclass(frozen=True)
class TypeParts:
    """A type and the numbers of the types of its parts."""

    name: str
    kind: str
    is_array: bool  # written as one: int2vector is not
    base: int
    element: int
    attributes: tuple[tuple[str, int], ...]
    subtype: int | None
    order: str  # of a range: collation and operator class

    @property
    def used(self) -> Iterable[int]:
        """The types that this one is made of."""
        subtype = [self.subtype] if self.subtype else []
        return [self.base, self.element, *subtype, *(number for _, number in self.attributes)]


class TypeStructures:
    """Describes types by their parts, the same on two servers; reads what it needs of the catalog."""

    def __init__(self, snapshot: Snapshot, oids: Iterable[int]) -> None:
        self._types: dict[int, TypeParts] = {}
        wanted = set(oids)
        while wanted:
            query = sql.SQL(TYPES).format(oids=sql.Literal(sorted(wanted)))
            read = {row[0]: _read_parts(row) for row in snapshot.fetch_rows(query)}
            self._types |= read
            wanted = {number for parts in read.values() for number in parts.used} - {0, *self._types}

    def describe(self, oid: int) -> str:
        """The structure of a type. PostgreSQL lets no type be a part of itself."""
        parts = self._types[oid]
        if parts.base:
            return self.describe(parts.base)
        if parts.is_array:
            return f"{self.describe(parts.element)}[]"
        if parts.attributes:
            described = (f"{name} {self.describe(number)}" for name, number in parts.attributes)
            return f"({', '.join(described)})"
        if parts.subtype:
            name = "multirange" if parts.kind == "m" else "range"
            return f"{name} of {self.describe(parts.subtype)} ({parts.order})"
        return "text" if parts.kind == "e" else WRITTEN_ALIKE.get(parts.name, parts.name)

    def is_made_of_numbers(self, oid: int) -> bool:
        """Whether all parts of the type are numbers, and one a `numeric`, which keeps trailing zeros."""
        leaves = set(self._iterate_leaves(oid))
        return leaves <= NUMBERS and "numeric" in leaves

    def _iterate_leaves(self, oid: int) -> Iterator[str]:
        parts = self._types[oid]
        below = [parts.base] if parts.base else [parts.element] if parts.is_array else []
        below += [number for _, number in parts.attributes] + ([parts.subtype] if parts.subtype else [])
        if not below:
            yield parts.name
        for number in below:
            yield from self._iterate_leaves(number)


def _read_parts(row: tuple[Any, ...]) -> TypeParts:
    _, name, kind, is_array, base, element, names, numbers, subtype, order = row
    attributes = tuple(zip(names, numbers, strict=True))
    return TypeParts(name, kind, is_array, base, element, attributes, subtype, order)


def find_output(base: str, kind: str, *, is_array: bool, is_domain: bool) -> str:
    """How a value of this base type becomes text: see `text_of`."""
    if kind == "e":
        return "concat" if is_domain else "enum_out"  # which takes no domain
    if is_array:
        return "array_out"
    return "" if base in OWN_CASTS else OUTPUT_FUNCTIONS.get(base, "concat")


#: Name of an output → SQL; ``{c}`` is the value. concat() calls the output function of any type, and makes an
#: empty text of NULL; a composite value may be ``IS NULL`` without being NULL.
TEXTS: Mapping[str, Any] = {
    "": "{c}::text",
    "concat": "CASE WHEN {c} IS DISTINCT FROM NULL THEN concat({c}) END",
    **{name: f"textin({name}({{c}}))" for name in ("enum_out", "array_out", *OUTPUT_FUNCTIONS.values())},
}


def text_of(value: sql.Composable, output: str) -> sql.Composable:
    """The text of a value, NULL for NULL; ``output`` is the function that writes it, or ``concat``.

    Without ``output``: the cast of PostgreSQL itself, for types whose cast nobody else can define.
    """
    return sql.SQL(TEXTS[output]).format(c=value)
