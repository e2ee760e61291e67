"""Assesses statements that change rows: UPDATE, DELETE, INSERT, TRUNCATE, MERGE, DO, COPY and calls."""

from __future__ import annotations

from integrations.sql_review.assessment import Assessment, ChangeClass, RowCause, RowImpact
from integrations.sql_review.casts import can_assign
from integrations.sql_review.catalog import Column
from integrations.sql_review.constants import covers_all_nulls, is_constant
from integrations.sql_review.deletions import assess_rows_gone, clear_tables
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.insertions import insert_rows
from integrations.sql_review.parser import Node, ParsedStatement
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.script_state import Rendered, ScriptState
from integrations.sql_review.table_statements import create_from_query
from integrations.sql_review.tables import ScriptTable
from integrations.sql_review.writes_in_with import find_writes, has_writes
from integrations.sql_review.written_values import (
    WRITE_LOCK,
    add_rule_checks,
    find_triggers,
    loose_type,
    missing,
)

TRUE = {"A_Const": {"boolval": {"boolval": True}}}


def assess_update(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses UPDATE: counts the rows that it changes, and those that would break a rule."""
    return _with_inner_writes(statement.node, state, _update(statement.node, state))


def assess_delete(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses DELETE: counts the rows that it deletes, and those of other tables that hang on them."""
    return _with_inner_writes(statement.node, state, _delete(statement.node, state))


def assess_insert(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses INSERT: counts the rows that it adds, and those that would break a rule."""
    return _with_inner_writes(statement.node, state, insert_rows(statement.node, state))


def _with_inner_writes(node: Node, state: ScriptState, result: Assessment) -> Assessment:
    """Adds what WITH writes. Where both write a table, its rows are unknown: neither sees the other."""
    assess = {"InsertStmt": insert_rows, "UpdateStmt": _update, "DeleteStmt": _delete}
    for kind, inner in find_writes(node):
        part = assess[kind](inner, state)
        result.add(*part.classes, note="; ".join(part.notes)).add_checks(*part.checks)
        for table, lock in part.locks.items():
            result.locks.setdefault(table, lock)
    return result


def affected_rows(node: Node, state: ScriptState, table: ScriptTable, others: str) -> Rendered:
    """The condition under which a row of the target of an UPDATE or DELETE is affected."""
    where = node.get("whereClause") or TRUE
    sources = node.get(others)
    if not sources and not node.get("withClause"):
        return state.render_expression(where, table)
    select: Node = {
        "fromClause": sources or [],
        "whereClause": where,
        "limitOption": "LIMIT_OPTION_DEFAULT",
        "op": "SETOP_NONE",
    }
    if node.get("withClause"):
        select["withClause"] = node["withClause"]
    found = state.render({"SelectStmt": select}, table)
    # The sources by themselves: inside EXISTS they could name columns of the target, which PostgreSQL refuses
    alone = state.render(
        {"SelectStmt": {key: value for key, value in select.items() if key != "whereClause"}}
    )
    state.refusals += filter(None, [state.catalog.refusal(alone.sql)])
    writes = "it depends on what WITH writes" if has_writes(node) else ""
    return Rendered(f"EXISTS ({found.sql})", found.unknown or writes)


def _alias(node: Node) -> str:
    relation = node["relation"]
    return str(relation.get("alias", {}).get("aliasname") or relation["relname"])


def _update(node: Node, state: ScriptState) -> Assessment:
    table = state.find_table(node["relation"])
    result = Assessment().add(ChangeClass.CHANGES_DATA)
    if table is None:
        return missing(node["relation"], result)
    result.take_lock(WRITE_LOCK, table)
    hit, alias = affected_rows(node, state, table, "fromClause"), _alias(node)
    description = f"{table} rows that it changes"
    targets = [target["ResTarget"] for target in node["targetList"]]
    result.add_checks(
        make_filter_check(
            table,
            hit.sql,
            description,
            RowImpact.CHANGED,
            unknown=hit.unknown,
            alias=_own_alias(table, alias),
            column=targets[0]["name"] if len(targets) == 1 else "",
            cause=RowCause.WRITTEN,
        )
    )
    absent = [t["name"] for t in targets if not table.is_assumed and t["name"] not in table.columns]
    if absent:
        return result.refuse(f"{table} has no column {', '.join(absent)} (42703)")
    if len({target["name"] for target in targets}) < len(targets):
        return result.refuse("it sets a column twice (42601)")
    if not table.is_assumed:
        _apply_update(result, node, state, table, hit, alias)
        names = [target["name"] for target in targets]
        add_rule_checks(result, state, table, names, node, names)
    return result


def _own_alias(table: ScriptTable, alias: str) -> str:
    """The alias that a condition may name; none for the table's own name, so that scans are shared."""
    return "" if alias == table.name.name else alias


def _apply_update(
    result: Assessment, node: Node, state: ScriptState, table: ScriptTable, hit: Rendered, alias: str
) -> None:
    values: dict[str, str] = {}
    for target in (each["ResTarget"] for each in node["targetList"]):
        column = table.columns[target["name"]]
        value = _new_value(
            target["val"], state, table, column, bool(node.get("fromClause") or node.get("withClause"))
        )
        unknown = value.unknown or hit.unknown or find_triggers(table, state)
        why = state.catalog.refusal(f"SELECT {value.sql} FROM {table.source(alias)}") if value.sql else ""  # noqa: S608 - rendered
        why = why or _refuse_type(state, table, column, target["val"])
        if why:
            result.refuse(why)
            continue
        own = f"{quote_identifier(alias)}.{quote_identifier(column.name)}"
        fills = is_constant(target["val"]) and covers_all_nulls(node.get("whereClause"), column.name)
        filled = (
            f"filled by statement {state.number} before" if fills and not find_triggers(table, state) else ""
        )
        still = column.filled if is_constant(target["val"]) else ""
        table.columns[column.name] = column.changed(unknown=column.unknown or unknown, filled=filled or still)
        if not unknown:
            values[column.name] = f"CASE WHEN {hit.sql} THEN {value.sql} ELSE {own} END"
    if values:
        table.rewrite(values, alias=alias)


def _refuse_type(state: ScriptState, table: ScriptTable, column: Column, value: Node) -> str:
    """Why a column cannot take the value of another one; empty when it can."""
    name = value.get("ColumnRef", {}).get("fields", [{}])[-1].get("String", {}).get("sval", "")
    source = table.columns.get(name)
    if source is None or can_assign(state.catalog, source.sql_type, column.sql_type):
        return ""
    return f"{column.name} is {column.sql_type}, and {name} is {source.sql_type} (42804)"


def _new_value(value: Node, state: ScriptState, table: ScriptTable, column: Column, joins: bool) -> Rendered:
    """A value as SQL of the column's type. A length does not cut it: that is a check of its own."""
    if "SetToDefault" in value:
        return Rendered(
            column.default or "NULL", "" if not column.is_computed else "a sequence gives the values"
        )
    if joins or "MultiAssignRef" in value:
        return Rendered("", f"statement {state.number} takes its values from other tables")
    found = state.render_expression(value, table)
    return Rendered(f"CAST({found.sql} AS {loose_type(column)})", found.unknown)


def _delete(node: Node, state: ScriptState) -> Assessment:
    table = state.find_table(node["relation"])
    result = Assessment().add(ChangeClass.CHANGES_DATA, ChangeClass.DESTRUCTIVE)
    if table is None:
        return missing(node["relation"], result)
    result.take_lock(WRITE_LOCK, table)
    hit, alias = affected_rows(node, state, table, "usingClause"), _alias(node)
    check = make_filter_check(
        table, hit.sql, f"{table} rows that it deletes", RowImpact.CHANGED, unknown=hit.unknown,
        alias=_own_alias(table, alias),
    )  # fmt: skip
    result.add_checks(check)
    if not table.is_assumed:
        assess_rows_gone(result, state, table, hit, alias)
    return result


def assess_truncate(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses TRUNCATE: counts all rows of every table that it empties."""
    result = Assessment().add(ChangeClass.CHANGES_DATA, ChangeClass.DESTRUCTIVE)
    relations = [each["RangeVar"] for each in statement.node["relations"]]
    tables = [state.find_table(relation) for relation in relations]
    for relation, table in zip(relations, tables, strict=True):
        if table is None:
            missing(relation, result)
    named = [table for table in tables if table is not None]
    clear_tables(result, state, named, cascades=statement.node.get("behavior") == "DROP_CASCADE")
    return result


def assess_opaque(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses DO blocks, CALL, COPY, EXECUTE and MERGE, whose code or rows are not in the grammar."""
    state.hide_everything(f"statement {state.number} may have changed it")
    result = Assessment().add(ChangeClass.CHANGES_DATA, ChangeClass.CAN_FAIL)
    relation = statement.node.get("relation")
    table = state.find_table(relation) if isinstance(relation, dict) else None
    if table is not None:
        result.take_lock(WRITE_LOCK, table)
    return result.add(note="what it does to rows is not visible to this review: read it")


def assess_select(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """Assesses SELECT: it only reads, unless it calls a volatile function or writes (INTO, WITH … UPDATE)."""
    node = statement.node
    result = _with_inner_writes(node, state, Assessment())
    volatile = state.volatile_calls(node)
    if volatile:
        state.hide_everything(f"statement {state.number} calls {volatile[0]}")
        result.add(ChangeClass.CHANGES_DATA, note=f"calls {', '.join(volatile)}: read it")
    into = node.get("intoClause")
    if into:
        return create_from_query(into["rel"], node, state, result)
    return result if result.classes else result.add(ChangeClass.METADATA, note="only reads")
