"""Assesses ALTER TABLE … ALTER COLUMN … TYPE."""

from __future__ import annotations

from dataclasses import replace

from integrations.sql_review.assessment import (
    STRONGEST_LOCK,
    Assessment,
    ChangeClass,
    RowCause,
    RowCheck,
    RowImpact,
)
from integrations.sql_review.casts import can_assign, is_same_bytes
from integrations.sql_review.catalog import Column
from integrations.sql_review.column_definitions import format_type
from integrations.sql_review.column_types import ColumnType, TypeConversion, convert_type, read_tree_type
from integrations.sql_review.constraints import refuse_incomparable
from integrations.sql_review.dependents import find_column_dependents
from integrations.sql_review.identifiers import format_dotted_name, quote_identifier
from integrations.sql_review.parser import Node
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.rules import make_null_check, make_rule_checks, read_columns
from integrations.sql_review.script_state import Rendered, ScriptState
from integrations.sql_review.tables import ScriptTable
from integrations.sql_review.text_casts import refused_by_cast

#: Dependents that PostgreSQL does not move to the new type by itself.
BLOCKING = ("view", "rule", "trigger", "policy", "generated", "publication")


def assess_alter_type(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    """A column of another type: whether rows are written again, fail, or come out different."""
    name, definition = command["name"], command["def"]["ColumnDef"]
    column = table.columns.get(name)
    new = read_tree_type(definition["typeName"])
    if column is None and not table.is_assumed:
        refused = Assessment().add(ChangeClass.METADATA).take_lock(STRONGEST_LOCK, table)
        return refused.refuse(f"{table} has no column {name} (42703)")
    change = _find_conversion(state, column, new)
    using = _read_using(state, table, definition, name)
    result = Assessment().add(ChangeClass.METADATA, note=f"{name}: {change.explanation}")
    result.take_lock(STRONGEST_LOCK, table)
    if column is not None:
        _refuse_blocked(result, state, table, column, definition, using)
    if change.rewrites or using is not None:
        result.classes = {ChangeClass.REWRITES, ChangeClass.LONG_LOCK} | (
            result.classes & {ChangeClass.CANNOT_SUCCEED}
        )
        source = column.type.name if column is not None else ""
        unfit = refused_by_cast(state, definition.get("raw_default", {}), name, source)
        _assess_values(result, table, name, change, using, unfit, is_known=column is not None)
        types = (column.type, new) if column is not None else None
        result.checks = [replace(check, types=types) for check in result.checks]
    if column is not None:
        _apply(state, table, column, definition, using)
        _assess_rules(result, state, table, name, is_sorted_anew="collClause" in definition)
    return result


def _find_conversion(state: ScriptState, column: Column | None, new: ColumnType) -> TypeConversion:
    conn = state.catalog.conn
    server = conn.info.server_version if conn is not None else 0
    change = convert_type(column.type if column else None, new, server=server)
    if column and change.fails_uncounted and is_same_bytes(state.catalog, column.type.name, new.name):
        return TypeConversion(False, f"{column.type} becomes {new}, no value is touched")
    return change


def _read_using(state: ScriptState, table: ScriptTable, definition: Node, name: str) -> Rendered | None:
    """The expression of USING; None when there is none, or when it is the column itself."""
    tree = definition.get("raw_default")
    if tree is None:
        return None
    fields = tree.get("ColumnRef", {}).get("fields", [{}])
    if fields[-1].get("String", {}).get("sval") == name:
        return None
    inner = tree.get("TypeCast", {}).get("arg", {}).get("ColumnRef", {}).get("fields", [{}])
    if (
        inner[-1].get("String", {}).get("sval") == name
        and tree["TypeCast"]["typeName"] == definition["typeName"]
    ):
        return None
    return state.render_expression(tree, table)


def _assess_values(
    result: Assessment,
    table: ScriptTable,
    name: str,
    change: TypeConversion,
    using: Rendered | None,
    refused: str,
    *,
    is_known: bool,
) -> None:
    quoted, unknown = quote_identifier(name), table.find_unknown(name)
    if using is not None:
        result.add(ChangeClass.CHANGES_DATA, note=f"{name}: USING makes its values anew")
        if not table.is_empty:
            result.add(ChangeClass.CAN_FAIL).add_checks(*_make_using_checks(table, name, using, refused))
        return
    if table.is_empty:
        return
    if change.fails_uncounted or not is_known:
        result.add(ChangeClass.CAN_FAIL)
    for condition, impact, effect, change_class in (
        (change.fails, RowImpact.FAILS, "does not fit", ChangeClass.CAN_FAIL),
        (change.changes, RowImpact.CHANGED, "comes out different", ChangeClass.CHANGES_DATA),
    ):
        if condition:
            sql = condition.replace("{c}", quoted)
            description = f"{table} rows whose {name} {effect}"
            cause = RowCause.UNFIT if impact is RowImpact.FAILS else RowCause.CONVERTED
            check = make_filter_check(
                table,
                sql,
                description,
                impact,
                unknown=unknown,
                column=name,
                cause=cause,
                reads_column_only=True,
            )
            result.add(change_class).add_checks(check)


def _make_using_checks(table: ScriptTable, name: str, using: Rendered, refused: str) -> list[RowCheck]:
    """``refused`` is the condition for values at which the expression fails; "" where none is known."""
    quoted = quote_identifier(name)
    different = f"({quoted})::text IS DISTINCT FROM ({using.sql})::text"
    gone = f"{quoted} IS NOT NULL AND ({using.sql}) IS NULL"
    fails: list[RowCheck] = []
    if refused:
        refused = refused.replace("{c}", quoted)
        different, gone = (f"CASE WHEN {refused} THEN false ELSE {each} END" for each in (different, gone))
        description = f"{table} rows whose {name} does not fit"
        fails = [
            make_filter_check(
                table,
                refused,
                description,
                RowImpact.FAILS,
                unknown=using.unknown,
                column=name,
                cause=RowCause.UNFIT,
            )
        ]
    return fails + [
        make_filter_check(
            table,
            condition,
            f"{table} rows whose {name} {effect}",
            impact,
            unknown=using.unknown,
            column=name,
            cause=RowCause.CONVERTED,
        )
        for condition, effect, impact in (
            (different, "comes out different", RowImpact.CHANGED),
            (gone, "becomes NULL", RowImpact.LOST),
        )
    ]


def _refuse_blocked(
    result: Assessment,
    state: ScriptState,
    table: ScriptTable,
    column: Column,
    definition: Node,
    using: Rendered | None,
) -> None:
    """What PostgreSQL refuses whatever the rows are: dependents, and types without a cast."""
    if column.name in state.unchanged_columns(table):
        found = find_column_dependents(state.catalog, table.oid, column.name)
        blocking = [each.description for each in found if each.kind in BLOCKING]
        blocking = [each for each in blocking if not state.is_gone(each)]
    else:
        blocking = []
    blocking += state.describe_views_on(table, column.name)
    if blocking:
        result.refuse(f"{', '.join(blocking)} depends on {table}.{column.name} (0A000)")
    new = format_type(state, definition["typeName"])
    if (
        using is None
        and "raw_default" not in definition
        and not can_assign(state.catalog, column.sql_type, new)
    ):
        result.refuse(f"{column.sql_type} has no cast to {new} by itself: it needs USING (42804)")
    if column.default and not column.is_computed and not can_assign(state.catalog, column.sql_type, new):
        result.refuse(f"the default of {column.name} has no cast to {new}: drop it first (42804)")


def _apply(
    state: ScriptState, table: ScriptTable, column: Column, definition: Node, using: Rendered | None
) -> None:
    new = read_tree_type(definition["typeName"])
    sql_type = format_type(state, definition["typeName"])
    source = using.sql if using is not None else quote_identifier(column.name)
    unknown = column.unknown or (using.unknown if using is not None else "")
    changed = column.changed(type=new, sql_type=sql_type, unknown=unknown)
    table.columns[column.name] = changed
    names = definition.get("collClause", {}).get("collname")
    collation = f" COLLATE {format_dotted_name(names)}" if names else ""
    if (using is not None or collation or str(new) != str(column.type)) and not table.is_assumed:
        table.rewrite({column.name: f"CAST({source} AS {sql_type}){collation}"})


def _assess_rules(
    result: Assessment, state: ScriptState, table: ScriptTable, name: str, *, is_sorted_anew: bool
) -> None:
    """Keys and checks are built anew on the new values: at another precision some fall together, and under
    another collation."""
    _assess_keys(result, state, table, name)
    if table.is_empty or not (is_sorted_anew or ChangeClass.REWRITES in result.classes):
        return
    if is_sorted_anew:
        result.add(ChangeClass.LONG_LOCK, note=f"{name}: its indexes are built anew, under another collation")
    if table.columns[name].not_null:
        result.add(ChangeClass.CAN_FAIL).add_checks(make_null_check(table, name))
    for rule in table.rules:
        if name in read_columns(rule) and rule.kind in ("unique", "primary", "check"):
            result.add(ChangeClass.CAN_FAIL).add_checks(*make_rule_checks(state, table, rule))


def _assess_keys(result: Assessment, state: ScriptState, table: ScriptTable, name: str) -> None:
    """Both sides of a foreign key have to be comparable, and both are locked."""
    pairs = [(table, rule) for rule in table.rules if rule.other is not None and name in read_columns(rule)]
    pairs += [
        (child, rule)
        for child in state.referencing(table)
        for rule in child.rules
        if rule.other == table.name and name in {column.strip('"') for column in rule.other_columns}
    ]
    for child, rule in pairs:
        assert rule.other is not None
        parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
        if parent is None or child.is_assumed or parent.is_assumed:
            continue
        result.take_lock(STRONGEST_LOCK, child, parent)
        refuse_incomparable(result, state, child, parent, rule)
