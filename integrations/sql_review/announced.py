"""What a reviewed script announces: the objects that its statements create, change and drop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from integrations.parity.model.announced import ANY, AnnouncedChange
from integrations.parity.server.catalog import make_label
from integrations.sql_review.parser import Node, ParsedStatement, parse_script

DATABASE = "(database)"


def list_announced(script: str) -> tuple[AnnouncedChange, ...]:
    """The objects of a script, without repetition. Raises `SqlSyntaxError` when it cannot be parsed."""
    found = [change for statement in parse_script(script) for change in _read(statement)]
    return tuple(dict.fromkeys(found))


def _read(statement: ParsedStatement) -> Iterator[AnnouncedChange]:
    read = _READERS.get(statement.kind)
    if read:
        yield from read(statement.node)


def _label(relation: Node) -> str:
    return make_label(relation.get("schemaname", "public"), relation["relname"])


def _label_of_parts(parts: list[Node]) -> str:
    names = [part["String"]["sval"] for part in parts if "String" in part]
    return make_label(names[-2] if len(names) > 1 else "public", names[-1])


def _table(node: Node) -> Iterator[AnnouncedChange]:
    yield AnnouncedChange(ANY, _label(node["relation"]))


def _alter_table(node: Node) -> Iterator[AnnouncedChange]:
    table = _label(node["relation"])
    for kind in _OF_NO_TABLE.get(node.get("objtype", ""), ()):
        yield AnnouncedChange(kind, ANY, table)
    for command in (each["AlterTableCmd"] for each in node.get("cmds", [])):
        subtype, added = command["subtype"], command.get("def", {})
        if subtype == "AT_AddColumn":
            column = added["ColumnDef"]
            yield AnnouncedChange("columns", table, column["colname"])
            yield from _constraints(table, column["colname"], column.get("constraints", []))
        elif subtype in ("AT_DropConstraint", "AT_ValidateConstraint"):
            yield AnnouncedChange("constraints", table, command["name"])
        elif subtype == "AT_AddConstraint":
            yield from _constraints(table, "", [added])
        elif subtype in _SUBTYPES:
            yield AnnouncedChange(_SUBTYPES[subtype], table)
        elif "Column" in subtype or subtype in _OF_COLUMNS:
            yield AnnouncedChange("columns", table, command["name"])


#: What ALTER TABLE, VIEW, TYPE … may be about besides tables.
_OF_NO_TABLE = {
    "OBJECT_TYPE": ("composite and range types",),
    "OBJECT_VIEW": ("views",),
    "OBJECT_MATVIEW": ("materialized views",),
    "OBJECT_SEQUENCE": ("sequences",),
}
#: Subtypes that change a column, and do not say so in their name.
_OF_COLUMNS = ("AT_SetNotNull", "AT_DropNotNull", "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity")
_SUBTYPES = {
    "AT_EnableRowSecurity": "row security",
    "AT_DisableRowSecurity": "row security",
    "AT_ForceRowSecurity": "row security",
    "AT_NoForceRowSecurity": "row security",
    "AT_SetLogged": "unlogged tables",
    "AT_SetUnLogged": "unlogged tables",
    "AT_AddInherit": "inheritance",
    "AT_DropInherit": "inheritance",
    "AT_AttachPartition": "partitions",
    "AT_DetachPartition": "partitions",
    "AT_ChangeOwner": "owners",
}


def _constraints(table: str, column: str, constraints: list[Node]) -> Iterator[AnnouncedChange]:
    for each in (one["Constraint"] for one in constraints if "Constraint" in one):
        name = each.get("conname") or _default_name(table, column, each)
        if name:
            yield AnnouncedChange("constraints", table, name)
        if each.get("skip_validation"):
            yield AnnouncedChange("constraints that rows may break", table, name or ANY)


def _default_name(table: str, column: str, constraint: Node) -> str:
    """The name that PostgreSQL gives to a constraint of a column without one."""
    suffix = {"CONSTR_UNIQUE": "key", "CONSTR_CHECK": "check", "CONSTR_FOREIGN": "fkey"}.get(
        constraint["contype"], ""
    )
    if constraint["contype"] == "CONSTR_PRIMARY":
        return f"{table.rpartition('.')[2]}_pkey"
    return f"{table.rpartition('.')[2]}_{column}_{suffix}" if suffix and column else ""


def _index(node: Node) -> Iterator[AnnouncedChange]:
    table = _label(node["relation"])
    # An index without a name gets one from the server.
    yield AnnouncedChange("indexes", table, node.get("idxname") or ANY)


def _drop(node: Node) -> Iterator[AnnouncedChange]:
    what = node["removeType"]
    for each in node["objects"]:
        ((kind, value),) = each.items()
        parts = value["names"] if kind == "TypeName" else value.get("items", value.get("objname", []))
        if what in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"):
            yield AnnouncedChange(ANY, _label_of_parts(parts))
        elif what == "OBJECT_INDEX":
            yield AnnouncedChange("indexes", ANY, parts[-1]["String"]["sval"])
        elif what in ("OBJECT_TRIGGER", "OBJECT_POLICY"):
            of_table = "triggers" if what == "OBJECT_TRIGGER" else "policies"
            yield AnnouncedChange(of_table, _label_of_parts(parts[:-1]), parts[-1]["String"]["sval"])
        elif what in _DROPPED and parts:
            for name_of_kind in _DROPPED[what]:
                yield AnnouncedChange(name_of_kind, ANY, _label_of_parts(parts))
        elif what == "OBJECT_EXTENSION":
            yield AnnouncedChange("extensions", DATABASE, value["sval"])


_TYPES = ("enums", "domains", "composite and range types")
_DROPPED = {
    "OBJECT_TYPE": _TYPES,
    "OBJECT_DOMAIN": ("domains",),
    "OBJECT_VIEW": ("views",),
    "OBJECT_MATVIEW": ("materialized views",),
    "OBJECT_SEQUENCE": ("sequences",),
}


def _rename(node: Node) -> Iterator[AnnouncedChange]:
    """Both names: before, and after."""
    relation = node.get("relation")
    names = (node.get("subname", ""), node.get("newname", ""))
    if node["renameType"] == "OBJECT_INDEX" and relation:
        yield from (AnnouncedChange("indexes", ANY, name) for name in (relation["relname"], names[1]))
    elif node["renameType"] == "OBJECT_TABLE" and relation:
        after = {**relation, "relname": names[1]}
        yield from (AnnouncedChange(ANY, _label(each)) for each in (relation, after))
    elif node["renameType"] in ("OBJECT_TABCONSTRAINT", "OBJECT_COLUMN") and relation:
        kind = "columns" if node["renameType"] == "OBJECT_COLUMN" else "constraints"
        yield from (AnnouncedChange(kind, _label(relation), name) for name in names)


def _named(kind: str, key: str) -> Callable[[Node], Iterator[AnnouncedChange]]:
    """A statement whose field ``key`` is the dotted name of an object that belongs to no table."""

    def read(node: Node) -> Iterator[AnnouncedChange]:
        value: Any = node[key]
        name = value if isinstance(value, str) else ""
        if isinstance(value, list):
            name = _label_of_parts(value)
        elif isinstance(value, dict):
            name = _label(value)
        yield AnnouncedChange(kind, ANY, name)

    return read


def _part(kind: str, relation: str, name: str) -> Callable[[Node], Iterator[AnnouncedChange]]:
    """A statement about a named part of a table."""

    def read(node: Node) -> Iterator[AnnouncedChange]:
        yield AnnouncedChange(kind, _label(node[relation]), node[name])

    return read


def _create_as(node: Node) -> Iterator[AnnouncedChange]:
    kind = "materialized views" if node.get("objtype") == "OBJECT_MATVIEW" else ANY
    label = _label(node["into"]["rel"])
    yield AnnouncedChange(kind, ANY, label) if kind != ANY else AnnouncedChange(ANY, label)


_READERS: dict[str, Callable[[Node], Iterator[AnnouncedChange]]] = {
    "CreateStmt": _table,
    "AlterTableStmt": _alter_table,
    "IndexStmt": _index,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "CreateTableAsStmt": _create_as,
    "CreateEnumStmt": _named("enums", "typeName"),
    "AlterEnumStmt": _named("enums", "typeName"),
    "CreateDomainStmt": _named("domains", "domainname"),
    "AlterDomainStmt": _named("domains", "typeName"),
    "CompositeTypeStmt": _named("composite and range types", "typevar"),
    "CreateSeqStmt": _named("sequences", "sequence"),
    "AlterSeqStmt": _named("sequences", "sequence"),
    "ViewStmt": _named("views", "view"),
    "CreateExtensionStmt": _named("extensions", "extname"),
    "CreateTrigStmt": _part("triggers", "relation", "trigname"),
    "CreatePolicyStmt": _part("policies", "table", "policy_name"),
    "AlterPolicyStmt": _part("policies", "table", "policy_name"),
}
