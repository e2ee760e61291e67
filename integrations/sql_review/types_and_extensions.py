"""Assesses types, labels of enums, extensions and schemas: names that have to be free, or to be there."""

from __future__ import annotations

from integrations.sql_review.assessment import Assessment, ChangeClass
from integrations.sql_review.identifiers import TableName, read_names
from integrations.sql_review.parser import ParsedStatement, find_nodes
from integrations.sql_review.script_state import ScriptState

TYPE_EXISTS = (
    "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
    "WHERE t.typname = %s AND n.nspname = %s"
)


def assess_create_type(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE TYPE and CREATE DOMAIN: the name has to be free."""
    node, result = statement.node, Assessment().add(ChangeClass.ADDITIVE)
    names = read_names(node.get("typeName") or node.get("domainname"))
    if not names:
        return result
    schema = names[-2] if len(names) > 1 else state.catalog.default_schema()
    key = ("type", TableName(schema, names[-1]))
    exists = state.other_names.get(key)
    if exists is None:
        exists = names[-1] not in state.gone_types and bool(
            state.catalog.query(TYPE_EXISTS, [names[-1], schema])
        )
    if exists:
        return result.refuse(f"type {names[-1]} exists already (42710)")
    state.other_names[key] = True
    state.new_types[names[-1]] = tuple(read_names(node.get("vals")))
    state.gone_types.discard(names[-1])
    return result


def assess_alter_enum(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """ALTER TYPE … ADD VALUE: a new label cannot be used in the same transaction."""
    node, result = statement.node, Assessment().add(ChangeClass.ADDITIVE)
    name, label = read_names(node["typeName"])[-1], node.get("newVal", "")
    if (
        state.catalog.conn is not None
        and name not in state.new_types
        and (
            name in state.gone_types
            or not state.catalog.query("SELECT 1 FROM pg_type WHERE typname = %s", [name])
        )
    ):
        return result.refuse(f"there is no type {name} at this point (42704)")
    if "oldVal" in node or name in state.new_types:
        return result
    sql = (
        "SELECT 1 FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE typname = %s AND enumlabel = %s"
    )
    if state.catalog.query(sql, [name, label]) or label in state.new_labels.get(name, ()):
        if node.get("skipIfNewValExists"):
            return Assessment().add(ChangeClass.METADATA, note=f"{label} exists already: nothing happens")
        return result.refuse(f"{name} has the label {label} already (42710)")
    state.new_labels.setdefault(name, set()).add(label)
    return result


def refuse_new_labels(result: Assessment, statement: ParsedStatement, state: ScriptState) -> None:
    """Refuses a statement that uses a label of an enum that the same transaction has added."""
    if not state.in_transaction or statement.kind == "AlterEnumStmt":
        return
    texts = {each.get("sval", {}).get("sval") for each in find_nodes(statement.node, "A_Const")}
    kinds = {column.type.name for table in state.touched(statement.node) for column in table.columns.values()}
    for name, labels in state.new_labels.items():
        used = sorted(labels & texts)
        if used and name in kinds:
            how = (
                "in the same transaction"
                if state.began_explicitly
                else "in the same file, which Prisma sends as one"
            )
            result.refuse(f"the label {used[0]} of {name} cannot be used {how} as it is added (55P04)")


def assess_extension(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE EXTENSION: the server has to offer it."""
    name, result = statement.node["extname"], Assessment().add(ChangeClass.ADDITIVE)
    if state.catalog.query("SELECT 1 FROM pg_extension WHERE extname = %s", [name]):
        if statement.node.get("if_not_exists"):
            return Assessment().add(ChangeClass.METADATA, note=f"{name} exists already: nothing happens")
        return result.refuse(f"extension {name} exists already (42710)")
    offers = state.catalog.query("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name])
    if state.catalog.conn is not None and not offers:
        return result.refuse(f"the server does not offer the extension {name} (0A000): install its package")
    return result


def assess_create_schema(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE SCHEMA: the name has to be free."""
    name, result = statement.node.get("schemaname", ""), Assessment().add(ChangeClass.ADDITIVE)
    key = ("schema", TableName(name, ""))
    exists = state.other_names.get(
        key, bool(state.catalog.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]))
    )
    if exists and statement.node.get("if_not_exists"):
        return Assessment().add(ChangeClass.METADATA, note=f"{name} exists already: nothing happens")
    if exists:
        return result.refuse(f"schema {name} exists already (42P06)")
    state.other_names[key] = True
    return result
