"""Assesses ALTER TABLE … DROP COLUMN and DROP CONSTRAINT: what they lose, and what hangs on it."""

from __future__ import annotations

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass, RowImpact
from integrations.sql_review.dependents import find_column_dependents
from integrations.sql_review.identifiers import TableName, quote_identifier
from integrations.sql_review.parser import Node
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.rules import read_columns
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable


def absent_column(table: ScriptTable, name: str) -> bool:
    """Whether a table is known not to have a column."""
    return not table.is_assumed and name not in table.columns


def assess_drop_column(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    name, cascades = command["name"], command.get("behavior") == "DROP_CASCADE"
    result = Assessment().take_lock(STRONGEST_LOCK, table)
    if absent_column(table, name):
        if command.get("missing_ok"):
            return result.add(ChangeClass.METADATA, note=f"{table} has no column {name}: nothing happens")
        return result.add(ChangeClass.DESTRUCTIVE).refuse(f"{table} has no column {name} (42703)")
    result.add(ChangeClass.DESTRUCTIVE, note=f"{name}: its values are gone")
    description = f"{table} rows that have a value in {name}"
    if table.is_live:
        result.add_checks(
            make_filter_check(
                table, f"{quote_identifier(name)} IS NOT NULL", description, RowImpact.LOST,
                unknown=table.find_unknown(name), column=name,
            )
        )  # fmt: skip
    _assess_dependents(result, state, table, name, cascades=cascades)
    for rule in table.rules:
        if name in read_columns(rule):
            state.other_names["constraint", TableName(str(table.oid), rule.name)] = False
        if rule.other is not None and name in read_columns(rule):
            parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
            result.take_lock(STRONGEST_LOCK, *filter(None, [parent]))
    state.free_index_names(table, name)
    table.drop_column(name)
    return result


def _assess_dependents(
    result: Assessment, state: ScriptState, table: ScriptTable, name: str, *, cascades: bool
) -> None:
    """Other objects that hang on a column: without CASCADE they keep it, with it they go."""
    found = [each for each in find_column_dependents(state.catalog, table.oid, name) if table.oid]
    others = [each.description for each in found if not each.is_own or each.kind in ("generated", "rule")]
    others = [other for other in others if not state.is_gone(other)] + state.describe_views_on(table, name)
    for child in state.referencing(table):
        for rule in list(child.rules):
            names = {column.strip('"') for column in rule.other_columns}
            if rule.other == table.name and name in names and child is not table:
                others.append(f"a foreign key of {child}")
                result.take_lock(STRONGEST_LOCK, child)
                child.rules = [each for each in child.rules if each is not rule or not cascades]
    if others and not cascades:
        result.refuse(f"{', '.join(others)} depends on {table}.{name} (2BP01)")
    elif others:
        result.add(note=f"CASCADE drops {', '.join(others)}, too")


def assess_drop_constraint(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    name, cascades = command["name"], command.get("behavior") == "DROP_CASCADE"
    result = Assessment().add(ChangeClass.METADATA).take_lock(STRONGEST_LOCK, table)
    if table.is_assumed:
        return result
    known = [rule for rule in table.rules if rule.name == name]
    if not known:
        return _drop_unknown(result, state, table, command)
    table.rules = [rule for rule in table.rules if rule not in known]
    for rule in known:
        state.other_names["constraint", TableName(str(table.oid), rule.name)] = False
        if rule.kind in ("primary", "unique"):
            state.other_names["", TableName(table.name.schema, rule.name)] = False
        if rule.other is not None:
            parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
            result.take_lock(STRONGEST_LOCK, *filter(None, [parent]))
        if rule.kind in ("primary", "unique"):
            _assess_key_users(result, state, table, rule.columns, cascades=cascades)
    return result


def _drop_unknown(result: Assessment, state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    """A constraint that is not among the rules that are read: NOT NULL has names since PostgreSQL 18."""
    name = command["name"]
    others = "contype NOT IN ('c', 'f', 'p', 'u', 'x')"  # those of the table's rules
    sql = f"SELECT 1 FROM pg_constraint WHERE conrelid = %s AND conname = %s AND {others}"  # noqa: S608 - fixed
    key = ("constraint", TableName(str(table.oid), name))
    is_there = table.oid and key not in state.other_names and state.catalog.query(sql, [table.oid, name])
    if command.get("missing_ok") or is_there:
        state.other_names[key] = False
        return result
    unnamed = [rule for rule in table.rules if not rule.name]
    if unnamed:  # its name was given by PostgreSQL
        table.rules = [rule for rule in table.rules if rule not in unnamed]
        return result.add(ChangeClass.CAN_FAIL, note=f"{name} is taken for a constraint without a given name")
    return result.refuse(f"{table} has no constraint {name} (42704)")


def _assess_key_users(
    result: Assessment, state: ScriptState, table: ScriptTable, columns: tuple[str, ...], *, cascades: bool
) -> None:
    wanted = {column.strip('"') for column in columns}
    for child in state.referencing(table):
        users = [
            rule
            for rule in child.rules
            if rule.other == table.name and {c.strip('"') for c in rule.other_columns} == wanted
        ]
        if users and not cascades:
            result.refuse(f"a foreign key of {child} depends on it (2BP01)")
        elif users:
            result.add(ChangeClass.DESTRUCTIVE, note=f"CASCADE drops the foreign key of {child}, too")
            result.take_lock(STRONGEST_LOCK, child)
            child.rules = [rule for rule in child.rules if rule not in users]
