"""What a kind of objects is: how it is read, how two definitions differ, and whether that is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg import sql

from integrations.parity.server.catalog import LABEL, label_expression, schema_condition
from integrations.parity.server.snapshot import Snapshot

FIRST_OF_USERS = 16384  # objects with lower numbers came with the server
DATABASE = "(database)"  # the “table” of objects that belong to no table, in rules too

#: (table or `DATABASE`, name, definition in PostgreSQL's own words) of one object.
ObjectRow = tuple[Any, ...]


def is_other(source: str | None, target: str | None) -> bool:
    """Whether two definitions differ; None where the side has no such object."""
    return source != target


def appears(source: str | None, target: str | None) -> bool:
    """Whether the target has a defect that the source does not have; one that is gone is no loss."""
    return target is not None and source != target


@dataclass(frozen=True)
class ObjectKind:
    """A kind of objects of a database.

    ``query`` selects `ObjectRow`s, with the placeholders of `placeholders`; ``read`` does so where one query
    cannot. ``judged``: by default, a difference counts against “equal”; otherwise it is only reported.
    ``by_name``: two objects of the same name are the same one; others are recognised by their definition.
    ``digest``: only the length and a digest of the definition are kept, because code may contain what nobody
    should read here.
    """

    name: str
    query: str = ""
    judged: bool = True
    by_name: bool = True
    digest: bool = False
    differs: Callable[[str | None, str | None], bool] = is_other
    read: Callable[[Snapshot, tuple[str, ...]], list[ObjectRow]] | None = None


def without_members(catalog: str, oid: str) -> sql.Composable:
    """The condition that an object is a user's, and no member of an extension, which stands for it."""
    return sql.SQL(
        "{oid} >= {first} and not exists (select from pg_depend e where e.classid = {catalog}::regclass"
        " and e.objid = {oid} and e.deptype = 'e')"
    ).format(
        oid=sql.SQL(oid), first=sql.Literal(FIRST_OF_USERS), catalog=sql.Literal(f"pg_catalog.{catalog}")
    )


@cache
def placeholders(schemas: tuple[str, ...]) -> dict[str, sql.Composable]:
    """What queries may name.

    ``{label}`` is of relation c in schema n, ``{type_label}`` of type t, ``{function_label}`` of function p;
    ``{parent_label}`` of relation pc in pn. ``{relations}``: the condition for relations that are of these
    schemas, not temporary and of no extension; ``{tables}``: for whole tables among them; ``{types}`` and
    ``{functions}`` in the same way. ``{schemas}`` is the condition for n alone.
    """
    in_schemas = schema_condition(schemas)
    relations = sql.SQL("c.relpersistence <> 't' and {} and {}").format(
        in_schemas, without_members("pg_class", "c.oid")
    )
    return {
        "label": LABEL,
        "type_label": label_expression("n.nspname", "t.typname"),
        "function_label": sql.SQL("{} || '(' || pg_get_function_identity_arguments(p.oid) || ')'").format(
            label_expression("n.nspname", "p.proname")
        ),
        "parent_label": label_expression("pn.nspname", "pc.relname"),
        "database": sql.Literal(DATABASE),
        "schemas": in_schemas,
        "relations": relations,
        "tables": sql.SQL("c.relkind in ('r', 'p') and not c.relispartition and {}").format(relations),
        "types": sql.SQL("{} and {}").format(in_schemas, without_members("pg_type", "t.oid")),
        "functions": sql.SQL("{} and {}").format(in_schemas, without_members("pg_proc", "p.oid")),
    }


def build_query(text: str, schemas: tuple[str, ...]) -> sql.Composed:
    """A query with its placeholders filled."""
    return sql.SQL(text).format(**placeholders(schemas))
