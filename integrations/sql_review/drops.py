"""Assesses DROP: what it loses, what hangs on it, and whether there is anything to drop."""

from __future__ import annotations

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass, RowImpact
from integrations.sql_review.dependents import find_dependents
from integrations.sql_review.identifiers import TableName, format_dotted_name, read_names
from integrations.sql_review.indexes import refuse_in_transaction
from integrations.sql_review.parser import Node, ParsedStatement
from integrations.sql_review.row_checks import make_all_rows_check
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable

#: What DROP of an object loses: tables and schemas lose rows, types and sequences what uses them.
LOSES_DATA = {
    "OBJECT_TABLE",
    "OBJECT_SCHEMA",
    "OBJECT_TYPE",
    "OBJECT_SEQUENCE",
    "OBJECT_MATVIEW",
    "OBJECT_EXTENSION",
}
RELATIONS = {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE"}


def assess_drop(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses DROP of any object."""
    node = statement.node
    kind, cascades = node["removeType"], node.get("behavior") == "DROP_CASCADE"
    result = Assessment().add(ChangeClass.DESTRUCTIVE if kind in LOSES_DATA else ChangeClass.METADATA)
    if kind in RELATIONS:
        return _drop_relations(result, node, state, cascades=cascades)
    if kind == "OBJECT_INDEX":
        return _drop_indexes(result, node, state)
    if kind == "OBJECT_SCHEMA":
        return _drop_schemas(result, node, state, cascades=cascades)
    _drop_others(result, node, state, kind, cascades=cascades)
    return result


def _relation(item: Node) -> Node:
    names = read_names(item["List"]["items"])
    return {"relname": names[-1], **({"schemaname": names[-2]} if len(names) > 1 else {})}


def _drop_relations(result: Assessment, node: Node, state: ScriptState, *, cascades: bool) -> Assessment:
    found: list[ScriptTable] = []
    for item in node["objects"]:
        table = state.find_table(_relation(item))
        if table is not None:
            found.append(table)
        elif not node.get("missing_ok"):
            result.refuse(f"there is no {format_dotted_name(item['List']['items'])} at this point (42P01)")
    if not found and node.get("missing_ok"):
        return Assessment().add(ChangeClass.METADATA, note="there is none: nothing happens")
    for table in found:
        result.take_lock(STRONGEST_LOCK, table)
        if table.kind in "rpfm" and table.is_live:
            result.add_checks(make_all_rows_check(table, f"rows of {table}", RowImpact.LOST))
        _assess_users(result, state, table, found, cascades=cascades)
    for table in found:
        state.free_index_names(table)
        state.tables[table.name] = None
    return result


def _assess_users(
    result: Assessment, state: ScriptState, table: ScriptTable, dropped: list[ScriptTable], *, cascades: bool
) -> None:
    """Foreign keys and views of others: without CASCADE they keep a table, with it they go."""
    users = [child for child in state.referencing(table) if child not in dropped]
    names = [f"a foreign key of {child}" for child in users]
    if table.oid:
        known = {f"{kind} {each}" for each in dropped for kind in ("view", "table", "materialized view")}
        names += [
            each.description
            for each in find_dependents(state.catalog, "pg_class", table.oid)
            if each.kind in ("view", "rule")
            and not each.is_own
            and each.description not in known
            and not state.is_gone(each.description)
        ]
    names += state.describe_views_on(table)
    for rule in table.rules:  # its own keys have triggers on the tables that they refer to
        if rule.other is not None and rule.other != table.name:
            parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
            result.take_lock(STRONGEST_LOCK, *filter(None, [parent]))
    if names and not cascades:
        result.refuse(f"{', '.join(names)} depends on {table} (2BP01)")
    elif names:
        result.add(ChangeClass.DESTRUCTIVE, note=f"CASCADE drops {', '.join(names)}, too")
        result.take_lock(STRONGEST_LOCK, *users)
        for child in users:
            child.rules = [rule for rule in child.rules if rule.other != table.name]


def _drop_indexes(result: Assessment, node: Node, state: ScriptState) -> Assessment:
    concurrently = bool(node.get("concurrent"))
    if concurrently:
        refuse_in_transaction(result, state, "DROP INDEX CONCURRENTLY")
    for item in node["objects"]:
        name = state.find_name(_relation(item))
        if name is None:
            if state.catalog.conn is not None and not node.get("missing_ok"):
                result.refuse(f"there is no index {format_dotted_name(item['List']['items'])} (42704)")
            continue
        state.other_names["", name] = False
        sql = (
            "SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indexrelid = to_regclass(%s)"
        )
        tables = [state.index_tables.pop(name, None)]
        for schema, table_name in state.catalog.query(sql, [name.quoted]):
            tables.append(state.find_table({"schemaname": schema, "relname": table_name}))
        result.take_lock("SHARE UPDATE EXCLUSIVE" if concurrently else STRONGEST_LOCK, *filter(None, tables))
        _forget_rule(result, state, name)
    return result


def _forget_rule(result: Assessment, state: ScriptState, name: TableName) -> None:
    """An index that a constraint needs cannot go by itself; a unique one takes its rule with it."""
    sql = "SELECT conname FROM pg_constraint WHERE conindid = to_regclass(%s) AND contype IN ('p', 'u', 'x')"
    if state.catalog.query(sql, [name.quoted]):
        result.refuse(f"a constraint needs the index {name.name} (2BP01)")
    for table in state.tables.values():
        if table is not None:
            table.rules = [rule for rule in table.rules if rule.name != name.name or rule.kind != "unique"]


def _drop_schemas(result: Assessment, node: Node, state: ScriptState, *, cascades: bool) -> Assessment:
    for item in node["objects"]:
        schema = item["String"]["sval"]
        sql = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'm', 'v', 'S')"
        )
        names = [name for (name,) in state.catalog.query(sql, [schema])]
        if names and not cascades:
            result.refuse(f"the schema {schema} is not empty: {', '.join(names)} (2BP01)")
        for name in names:
            table = state.find_table({"schemaname": schema, "relname": name})
            if table is None:
                continue
            result.take_lock(STRONGEST_LOCK, table)
            if table.kind in "rpm":
                result.add_checks(make_all_rows_check(table, f"rows of {table}", RowImpact.LOST))
            state.tables[table.name] = None
    return result


#: Kind of object → its catalog, and the query of its oid by the name that DROP gives.
CATALOGS = {
    "OBJECT_FUNCTION": ("pg_proc", "SELECT oid::int8 FROM pg_proc WHERE proname = %s"),
    "OBJECT_TYPE": ("pg_type", "SELECT oid::int8 FROM pg_type WHERE typname = %s"),
    "OBJECT_DOMAIN": ("pg_type", "SELECT oid::int8 FROM pg_type WHERE typname = %s AND typtype = 'd'"),
    "OBJECT_SEQUENCE": ("pg_class", "SELECT oid::int8 FROM pg_class WHERE relname = %s AND relkind = 'S'"),
    "OBJECT_EXTENSION": ("pg_extension", "SELECT oid::int8 FROM pg_extension WHERE extname = %s"),
}


def _drop_others(result: Assessment, node: Node, state: ScriptState, kind: str, *, cascades: bool) -> None:
    if kind in ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"):
        for item in node["objects"]:
            names = read_names(item["List"]["items"])[:-1]
            relation = {"relname": names[-1], **({"schemaname": names[-2]} if len(names) > 1 else {})}
            result.take_lock(STRONGEST_LOCK, *filter(None, [state.find_table(relation)]))
    if kind in CATALOGS and state.catalog.conn is not None:
        for item in node["objects"]:
            is_required = not node.get("missing_ok") and kind != "OBJECT_SEQUENCE"
            _drop_named(result, state, kind, _last_name(item), cascades=cascades, is_required=is_required)


def _drop_named(
    result: Assessment, state: ScriptState, kind: str, name: str, *, cascades: bool, is_required: bool
) -> None:
    """A function, type, sequence or extension, with what depends on it."""
    of_class, query = CATALOGS[kind]
    oids = [int(oid) for (oid,) in state.catalog.query(query, [name])]
    if name in state.gone_types and of_class == "pg_type":
        oids = []
    if not oids and is_required and name not in state.new_types:
        result.refuse(f"there is no {kind.removeprefix('OBJECT_').lower()} {name} (42704)")
    users = [each.description for oid in oids[:1] for each in find_dependents(state.catalog, of_class, oid)]
    if of_class == "pg_type":
        users = [user for user in users if " of table " not in user] + _columns_of_type(state, name, oids)
    if users and not cascades:
        result.refuse(f"{', '.join(users)} depends on {name} (2BP01)")
    elif users:
        result.add(ChangeClass.DESTRUCTIVE, note=f"CASCADE drops {', '.join(users)}, too")
    if of_class == "pg_type":
        _forget_type(result, state, name, cascades=cascades)


def _forget_type(result: Assessment, state: ScriptState, name: str, *, cascades: bool) -> None:
    if cascades:
        _drop_columns_of_type(result, state, name)
    state.new_types.pop(name, None)
    if ChangeClass.CANNOT_SUCCEED not in result.classes:
        state.gone_types.add(name)


def _drop_columns_of_type(result: Assessment, state: ScriptState, name: str) -> None:
    for table in [each for each in state.tables.values() if each is not None and each.kind in "rp"]:
        for column in [each for each in table.columns.values() if each.type.name in (name, f"_{name}")]:
            result.take_lock(STRONGEST_LOCK, table)
            table.drop_column(column.name)


def _columns_of_type(state: ScriptState, name: str, oids: list[int]) -> list[str]:
    """The columns that have a type at this point of the script."""
    for table, _ in [each for oid in oids for each in state.catalog.tables_with_type(oid)]:
        if state.tables.get(table, table) is not None:
            state.find_table({"schemaname": table.schema, "relname": table.name})
    return [
        f"column {column.name} of table {table}"
        for table in state.tables.values()
        if table is not None and table.kind in "rp"
        for column in table.columns.values()
        if column.type.name in (name, f"_{name}")
    ]


def _last_name(item: Node) -> str:
    ((kind, value),) = item.items()
    if kind == "TypeName":
        return str(read_names(value["names"])[-1])
    if kind == "ObjectWithArgs":
        return str(read_names(value["objname"])[-1])
    if kind == "List":
        return str(read_names(value["items"])[-1])
    return str(value.get("sval", ""))
