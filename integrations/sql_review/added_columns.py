"""Assesses ALTER TABLE … ADD COLUMN."""

from __future__ import annotations

from typing import Any

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass, RowImpact
from integrations.sql_review.casts import is_checked_domain
from integrations.sql_review.catalog import Column
from integrations.sql_review.column_definitions import read_definition, refuse_type
from integrations.sql_review.column_types import SERIALS, read_tree_type
from integrations.sql_review.constants import is_constant
from integrations.sql_review.constraints import add_rule, read_rule
from integrations.sql_review.parser import Node
from integrations.sql_review.row_checks import make_all_rows_check
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable


def assess_add_column(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    """A column that is added: what it holds in the rows that are there, and whether it may be so."""
    definition = command["def"]["ColumnDef"]
    name = definition["colname"]
    result = Assessment().add(ChangeClass.ADDITIVE).take_lock(STRONGEST_LOCK, table)
    if name in table.columns:
        if command.get("missing_ok"):
            note = f"{table} has a column {name} already: nothing happens"
            return Assessment().add(ChangeClass.METADATA, note=note).take_lock(STRONGEST_LOCK, table)
        return result.refuse(f"{table} has a column {name} already (42701)")
    why = refuse_type(state, definition["typeName"])
    if why:
        return result.refuse(why)
    rules = {c["Constraint"]["contype"]: c["Constraint"] for c in definition.get("constraints", [])}
    per_row = _has_value_per_row(state, definition, rules)
    if (
        per_row or is_checked_domain(state.catalog, definition["typeName"]["names"][-1]["String"]["sval"])
    ) and not table.is_empty:
        note = f"{name}: each row gets a value of its own, so the table is written again"
        result.add(ChangeClass.REWRITES, ChangeClass.LONG_LOCK, note=note)
    has_value = _has_value(definition, rules)
    _add(state, table, definition, rules, per_row=per_row)
    if not has_value and rules.keys() & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"} and not table.is_empty:
        result.add(ChangeClass.CAN_FAIL, note=f"{name}: NOT NULL without a default fails if there is any row")
        description = f"rows of {table} without a value for {name}"
        result.add_checks(make_all_rows_check(table, description, RowImpact.FAILS))
    for rule in rules.values():
        for each in read_rule(rule, state, name):
            if each.kind == "foreign" and not has_value:
                _add_key_without_values(result, state, table, each)
            else:
                add_rule(result, state, table, each, is_enforced=rule.get("is_enforced", True))
    return result


def _add_key_without_values(result: Assessment, state: ScriptState, table: ScriptTable, rule: Any) -> None:
    """A foreign key of a column that is NULL everywhere: every row is read, none can break it."""
    before = len(result.checks)
    add_rule(result, state, table, rule)
    del result.checks[before:]
    result.classes.discard(ChangeClass.CAN_FAIL)


def _add(
    state: ScriptState, table: ScriptTable, definition: Node, rules: dict[str, Any], *, per_row: bool
) -> None:
    """Adds the column to the table, with its value in the rows that are there."""
    column = read_definition(state, definition)
    default = rules.get("CONSTR_DEFAULT", {}).get("raw_expr")
    value = state.render_expression(default) if default else None
    changes: dict[str, Any] = {"default": value.sql if value else ""}
    if rules.keys() & {"CONSTR_NOTNULL", "CONSTR_PRIMARY", "CONSTR_IDENTITY"}:
        changes["not_null"] = True
    if rules.keys() & {"CONSTR_IDENTITY", "CONSTR_GENERATED"}:
        changes["is_computed"] = True
    if per_row or (value and value.unknown):
        changes["unknown"] = f"each row gets a value of its own in {column.name}"
    column = column.changed(**changes)
    if default and is_constant(default):
        column = column.changed(filled="has its default in every row")
    generated = rules.get("CONSTR_GENERATED", {}).get("raw_expr")
    if generated:
        made = state.render_expression(generated, table)
        column = column.changed(unknown=made.unknown)
        table.add_column(column, f"CAST({made.sql} AS {column.sql_type})")
    else:
        table.add_column(column, _default_cast(column, value.sql if value and not per_row else "NULL"))


def _default_cast(column: Column, value: str) -> str:
    return f"CAST({value} AS {column.sql_type})"


def _has_value(definition: Node, rules: dict[str, Any]) -> bool:
    """Whether each existing row gets a value in the new column."""
    default = rules.get("CONSTR_DEFAULT", {}).get("raw_expr", {})
    is_null = default.get("A_Const", {}).get("isnull", False)
    given = bool(default) and not is_null
    return given or bool(rules.keys() & {"CONSTR_IDENTITY", "CONSTR_GENERATED"}) or _is_serial(definition)


def _is_serial(definition: Node) -> bool:
    return read_tree_type(definition["typeName"]).name in SERIALS


def _has_value_per_row(state: ScriptState, definition: Node, rules: dict[str, Any]) -> bool:
    """Whether each row gets a value of its own. PostgreSQL then rewrites the table: it stores a default once
    in the catalog only when the value is the same for all rows."""
    generated = rules.get("CONSTR_GENERATED")
    if generated:
        return str(generated.get("generated_kind", "s")) != "v"
    if _is_serial(definition) or "CONSTR_IDENTITY" in rules:
        return True
    return bool(state.volatile_calls(rules.get("CONSTR_DEFAULT", {}).get("raw_expr")))
