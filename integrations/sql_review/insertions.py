"""Assesses INSERT: the rows that it adds, and those that would break a rule."""

from __future__ import annotations

from dataclasses import replace

from integrations.sql_review.assessment import Assessment, ChangeClass, RowImpact
from integrations.sql_review.casts import can_assign
from integrations.sql_review.catalog import Column
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.parser import Node
from integrations.sql_review.row_checks import make_check
from integrations.sql_review.script_state import Rendered, ScriptState
from integrations.sql_review.tables import ScriptTable
from integrations.sql_review.writes_in_with import has_writes
from integrations.sql_review.written_values import (
    WRITE_LOCK,
    add_rule_checks,
    find_triggers,
    loose_type,
    missing,
)


def insert_rows(node: Node, state: ScriptState) -> Assessment:
    """Assesses the ``InsertStmt`` of a statement, or of a part of its WITH."""
    table = state.find_table(node["relation"])
    result = Assessment().add(ChangeClass.CHANGES_DATA)
    if table is None:
        return missing(node["relation"], result)
    result.take_lock(WRITE_LOCK, table)
    select = node.get("selectStmt", {}).get("SelectStmt", {})
    source = _source_of_insert(node, select, state)
    description = f"rows that it adds to {table}"
    count = f"SELECT count(*) FROM ({source.sql}) added"  # noqa: S608 - rendered SQL
    check = make_check(description, count, RowImpact.CHANGED, source.unknown)
    if select.get("valuesLists") or not select:
        rows = len(select.get("valuesLists", [0]))
        check = make_check(description, f"SELECT {rows}", RowImpact.CHANGED)
        check = replace(check, count=rows, is_upper_bound=bool(node.get("onConflictClause")))
    elif node.get("onConflictClause"):
        check = replace(check, is_upper_bound=True)
    result.add_checks(check)
    if not table.is_assumed:
        _apply_insert(node, state, table, source, result)
    return result


def _source_of_insert(node: Node, select: Node, state: ScriptState) -> Rendered:
    if not select:
        return Rendered("SELECT")
    tree = dict(select)
    if node.get("withClause"):
        tree["withClause"] = node["withClause"]
    writes = "it depends on what WITH writes" if has_writes(node) else ""
    if _gives_defaults(select):
        return Rendered("SELECT", writes or "its rows have DEFAULT in them")
    found = state.render({"SelectStmt": tree})
    # How many rows there are does not depend on functions in the list of a SELECT.
    return Rendered(found.sql, writes or found.unknown)


def _gives_defaults(select: Node) -> bool:
    return any(
        "SetToDefault" in value for row in select.get("valuesLists", []) for value in row["List"]["items"]
    )


def _apply_insert(
    node: Node, state: ScriptState, table: ScriptTable, source: Rendered, result: Assessment
) -> None:
    """The rows after an INSERT, and the checks of the rules that the new ones could break."""
    named = [target["ResTarget"]["name"] for target in node.get("cols", [])]
    absent = [name for name in named if name not in table.columns]
    if absent:
        result.refuse(f"{table} has no column {', '.join(absent)} (42703)")
        return
    select = node.get("selectStmt", {}).get("SelectStmt", {})
    width = _width(select, state, source)
    columns = (named or list(table.columns))[: width if width is not None else None]
    _refuse_types(result, state, table, columns, select, source)
    unknown = source.unknown or find_triggers(table, state)
    unknown = unknown or (
        f"statement {state.number} skips rows that are there" if node.get("onConflictClause") else ""
    )
    if unknown or width != len(columns) or not select:
        table.unknown, table.is_empty = (
            table.unknown or unknown or f"statement {state.number} adds rows",
            False,
        )
    else:
        table.append(_rows_of_insert(table, columns, source, state))
    table.columns = {name: column.changed(filled="") for name, column in table.columns.items()}
    add_rule_checks(result, state, table, list(table.columns), node, columns)


def _refuse_types(
    result: Assessment,
    state: ScriptState,
    table: ScriptTable,
    columns: list[str],
    select: Node,
    source: Rendered,
) -> None:
    """Refuses columns of a query whose type PostgreSQL does not convert by itself; a literal has none."""
    targets = [target["ResTarget"]["val"] for target in select.get("targetList", [])]
    given = state.catalog.describe(source.sql) or []
    if not len(targets) == len(given) == len(columns):
        return
    for name, column, value in zip(columns, given, targets, strict=True):
        wanted = table.columns[name].sql_type
        if "A_Const" not in value and not can_assign(state.catalog, column.sql_type, wanted):
            result.refuse(f"{name} is {wanted}, and its value is {column.sql_type} (42804)")


def _width(select: Node, state: ScriptState, source: Rendered) -> int | None:
    """How many columns a query gives; None when that is not known."""
    if select.get("valuesLists"):
        return len(select["valuesLists"][0]["List"]["items"])
    columns = state.catalog.describe(source.sql)
    return None if columns is None else len(columns)


def _rows_of_insert(table: ScriptTable, columns: list[str], source: Rendered, state: ScriptState) -> str:
    """The new rows, with every column of the table in order."""
    given = {name: f"new_{number}" for number, name in enumerate(columns)}
    values = []
    for column in table.columns.values():
        if column.name in given:
            value = f"CAST({given[column.name]} AS {loose_type(column)})"
        else:
            value = _default_value(table, column, state)
        values.append(f"{value} AS {quote_identifier(column.name)}")
    names = ", ".join(given.values())
    return f"SELECT {', '.join(values)} FROM ({source.sql}) AS added ({names})"  # noqa: S608 - quoted


def _default_value(table: ScriptTable, column: Column, state: ScriptState) -> str:
    """The default of a column that an INSERT leaves out."""
    if column.is_computed or "nextval" in column.default or state.is_varying(column.default):
        why = f"statement {state.number} leaves {column.name} to its default"
        table.columns[column.name] = column.changed(unknown=column.unknown or why)
        return f"CAST(NULL AS {loose_type(column)})"
    return f"CAST({column.default or 'NULL'} AS {loose_type(column)})"
