"""Assesses statements about whole tables: CREATE TABLE, CREATE TABLE AS, DROP, RENAME, SET SCHEMA."""

from __future__ import annotations

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass
from integrations.sql_review.catalog import Rule
from integrations.sql_review.column_definitions import read_definition
from integrations.sql_review.constraints import check_new_key, read_rule
from integrations.sql_review.identifiers import TableName
from integrations.sql_review.parser import Node, ParsedStatement
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable


def assess_create_table(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses CREATE TABLE: its name has to be free, and what it refers to has to be there."""
    node = statement.node
    name, taken = state.name_of(node["relation"]), state.describe_taken(node["relation"])
    result = Assessment()
    if taken and node.get("if_not_exists"):
        return result.add(ChangeClass.METADATA, note=f"{name.shorten()} exists already: nothing happens")
    result.add(ChangeClass.ADDITIVE, note=f"new table {name.shorten()}")
    if taken:
        return result.refuse(f"{taken} exists already (42P07)")
    table = ScriptTable(name, name.quoted, is_new=True, is_empty=True)
    _add_parents(result, node, state, table)
    for element in node.get("tableElts", []):
        _add_element(result, element, state, table)
    _add_primary_not_null(table)
    table.clear()
    state.tables[name] = table
    for rule in table.rules:
        if rule.kind == "foreign":
            check_new_key(result, state, table, rule)
    return result


def _add_parents(result: Assessment, node: Node, state: ScriptState, table: ScriptTable) -> None:
    lock = STRONGEST_LOCK if "partbound" in node else "SHARE UPDATE EXCLUSIVE"
    for each in node.get("inhRelations", []):
        parent = state.find_table(each["RangeVar"])
        if parent is None:
            result.refuse(f"there is no table {each['RangeVar']['relname']} at this point (42P01)")
            continue
        result.take_lock(lock, parent)
        table.columns |= parent.columns
        parent.unknown = parent.unknown or f"{table} becomes a part of it"


def _add_element(result: Assessment, element: Node, state: ScriptState, table: ScriptTable) -> None:
    if "ColumnDef" in element:
        definition = element["ColumnDef"]
        column = read_definition(state, definition)
        for constraint in (each["Constraint"] for each in definition.get("constraints", [])):
            if constraint["contype"] == "CONSTR_NOTNULL":
                column = column.changed(not_null=True)
            elif constraint["contype"] in ("CONSTR_IDENTITY", "CONSTR_GENERATED"):
                column = column.changed(is_computed=True, not_null=constraint["contype"] == "CONSTR_IDENTITY")
            elif constraint["contype"] == "CONSTR_DEFAULT":
                column = column.changed(default=state.render_expression(constraint["raw_expr"]).sql)
            else:
                table.rules += read_rule(constraint, state, column.name)
        table.columns[column.name] = column
    elif "Constraint" in element:
        table.rules += read_rule(element["Constraint"], state)
    elif "TableLikeClause" in element:
        other = state.find_table(element["TableLikeClause"]["relation"])
        if other is None:
            result.refuse("there is no table to be like (42P01)")
        else:
            table.columns |= {name: c.changed(default="", unknown="") for name, c in other.columns.items()}


def _add_primary_not_null(table: ScriptTable) -> None:
    keys = {column.strip('"') for rule in table.rules if rule.kind == "primary" for column in rule.columns}
    table.columns = {
        name: column.changed(not_null=column.not_null or name in keys)
        for name, column in table.columns.items()
    }


def assess_create_table_as(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    node = statement.node
    if node.get("if_not_exists") and state.describe_taken(node["into"]["rel"]):
        return Assessment().add(ChangeClass.METADATA, note="exists already: nothing happens")
    query = node["query"].get("SelectStmt")
    result = Assessment()
    if query is None:
        return result.add(ChangeClass.ADDITIVE, ChangeClass.NOT_UNDERSTOOD, note="what it holds is not known")
    kind = "m" if node.get("objtype") == "OBJECT_MATVIEW" else "r"
    return create_from_query(node["into"]["rel"], query, state, result, kind)


def create_from_query(
    relation: Node, query: Node, state: ScriptState, result: Assessment, kind: str = "r"
) -> Assessment:
    """A new table with the rows of a query."""
    taken, name = state.describe_taken(relation), state.name_of(relation)
    result.add(ChangeClass.ADDITIVE, note=f"creates {name.shorten()} of the rows of a query")
    if taken:
        return result.refuse(f"{taken} exists already (42P07)")
    volatile = state.volatile_calls(query)
    if volatile:
        result.add(ChangeClass.CHANGES_DATA, note=f"calls {', '.join(volatile)}: read it")
    plain = {key: value for key, value in query.items() if key not in ("intoClause",)}
    found = state.render({"SelectStmt": plain})
    columns = state.catalog.describe(found.sql)
    why = state.catalog.refusal(found.sql)
    if why:
        result.refuse(why)
    table = ScriptTable(name, name.quoted, kind=kind, is_new=True, is_assumed=columns is None)
    if columns is None or found.unknown:
        table.unknown = found.unknown or f"statement {state.number} makes it of a query"
    else:
        table.query = found.sql
    table.columns = {column.name: column for column in columns or []}
    state.tables[name] = table
    return result


def rename_table(state: ScriptState, table: ScriptTable, new: TableName) -> None:
    """Gives a table another name; keys that refer to it follow."""
    state.tables[table.name] = None
    for other in state.tables.values():
        if other is not None:
            other.rules = [
                Rule(**{**vars(rule), "other": new}) if rule.other == table.name else rule
                for rule in other.rules
            ]
    if table.oid and not table.query:
        own = ", ".join(f'"{name}"' for name in table.columns) or ""
        table.query = f"SELECT {own} FROM {table.live_name}"  # noqa: S608 - quoted names
    table.name = new
    state.tables[new] = table


def assess_rename(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses RENAME of a table or column; of other objects only the name changes."""
    node, result = statement.node, Assessment().add(ChangeClass.METADATA)
    kind = node["renameType"]
    if kind not in ("OBJECT_TABLE", "OBJECT_COLUMN", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_TABCONSTRAINT"):
        return _rename_other(node, state, result)
    table = state.find_table(node["relation"])
    if table is None:
        if node.get("missing_ok"):
            return result.add(note="there is no such table: nothing happens")
        return result.refuse(f"there is no table {node['relation']['relname']} at this point (42P01)")
    result.add(note="programs that use the old name fail from then on").take_lock(STRONGEST_LOCK, table)
    if kind == "OBJECT_COLUMN":
        return _rename_column(node, state, table, result)
    if kind != "OBJECT_TABCONSTRAINT":
        new = TableName(table.name.schema, node["newname"])
        taken = state.describe_taken({"schemaname": new.schema, "relname": new.name})
        if taken:
            return result.refuse(f"{taken} exists already (42P07)")
        rename_table(state, table, new)
    return result


def _rename_column(node: Node, state: ScriptState, table: ScriptTable, result: Assessment) -> Assessment:
    old, new = node["subname"], node["newname"]
    if table.is_assumed:
        return result
    if old not in table.columns:
        return result.refuse(f"{table} has no column {old} (42703)")
    if new in table.columns:
        return result.refuse(f"{table} has a column {new} already (42701)")
    for other in state.referencing(table):
        other.rules = [_follow(rule, table, old, new) for rule in other.rules]
    table.rename_column(old, new)
    return result


def _follow(rule: Rule, table: ScriptTable, old: str, new: str) -> Rule:
    if rule.other != table.name:
        return rule
    names = tuple(f'"{new}"' if name.strip('"') == old else name for name in rule.other_columns)
    return Rule(**{**vars(rule), "other_columns": names})


def _rename_other(node: Node, state: ScriptState, result: Assessment) -> Assessment:
    """An index, type, sequence or the like."""
    if node["renameType"] in ("OBJECT_INDEX", "OBJECT_SEQUENCE") and "relation" in node:
        name = state.find_name(node["relation"])
        if name is None and state.catalog.conn is not None:
            if node.get("missing_ok"):
                return result.add(note="there is none: nothing happens")
            return result.refuse(f"there is no {node['relation']['relname']} at this point (42P01)")
        if name is not None:
            new = TableName(name.schema, node["newname"])
            taken = state.describe_taken({"schemaname": new.schema, "relname": new.name})
            if taken:
                return result.refuse(f"{taken} exists already (42P07)")
            state.other_names |= {("", name): False, ("", new): True}
    return result.add(note="programs that use the old name fail from then on")


def assess_set_schema(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses ALTER … SET SCHEMA."""
    node, result = statement.node, Assessment().add(ChangeClass.METADATA)
    if node["objectType"] not in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW"):
        return result
    table = state.find_table(node["relation"])
    if table is None:
        if node.get("missing_ok"):
            return result.add(note="there is no such table: nothing happens")
        return result.refuse(f"there is no table {node['relation']['relname']} at this point (42P01)")
    result.take_lock(STRONGEST_LOCK, table)
    new = TableName(node["newschema"], table.name.name)
    taken = state.describe_taken({"schemaname": new.schema, "relname": new.name})
    if taken:
        return result.refuse(f"{taken} exists already (42P07)")
    rename_table(state, table, new)
    return result
