"""Assesses ALTER TABLE, one sub-command at a time, in the order in which PostgreSQL carries them out."""

from __future__ import annotations

from collections.abc import Callable

from integrations.sql_review.added_columns import assess_add_column
from integrations.sql_review.altered_types import assess_alter_type
from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass, RowImpact
from integrations.sql_review.constraints import assess_constraint, assess_not_null
from integrations.sql_review.dropped_parts import absent_column, assess_drop_column, assess_drop_constraint
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.parser import Node, ParsedStatement
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.rules import make_rule_checks, read_columns
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable

#: PostgreSQL does all drops first, then types, then new columns, then what needs them.
PASSES = {
    "AT_DropColumn": 0,
    "AT_DropConstraint": 0,
    "AT_DropNotNull": 0,
    "AT_AlterColumnType": 1,
    "AT_AddColumn": 2,
    "AT_SetNotNull": 3,
    "AT_AddConstraint": 4,
}


def assess_alter_table(statement: ParsedStatement, state: ScriptState) -> list[Assessment]:
    """Returns one assessment for each sub-command. Of other objects than tables only the catalog changes."""
    node = statement.node
    if node.get("objtype") not in {"OBJECT_TABLE", "OBJECT_MATVIEW"}:
        return [Assessment().add(ChangeClass.METADATA)]
    table = state.find_table(node["relation"])
    if table is None:
        name = node["relation"]["relname"]
        if node.get("missing_ok"):
            return [Assessment().add(ChangeClass.METADATA, note=f"there is no {name}: nothing happens")]
        refused = Assessment().add(ChangeClass.METADATA)
        return [refused.refuse(f"there is no table {name} at this point (42P01)")]
    commands = [each["AlterTableCmd"] for each in node["cmds"]]
    ordered = sorted(commands, key=lambda command: PASSES.get(command["subtype"], 5))
    return [_assess_command(state, table, command) for command in ordered]


def _assess_command(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    kind = command["subtype"]
    assess = _ASSESSORS.get(kind)
    if assess is not None:
        return assess(state, table, command)
    lock = _LOCKS.get(kind, STRONGEST_LOCK)
    if kind in _CATALOG_ONLY or kind in _LOCKS:
        return Assessment().add(ChangeClass.METADATA).take_lock(lock, table)
    note = f"{kind.removeprefix('AT_')} is not among the changes that this review knows: read it"
    return Assessment().add(ChangeClass.NOT_UNDERSTOOD, note=note).take_lock(STRONGEST_LOCK, table)


#: Sub-commands that change only the catalog, and keep everybody out while they do.
_CATALOG_ONLY = {
    "AT_AlterConstraint",
    "AT_ChangeOwner",
    "AT_EnableRowSecurity",
    "AT_DisableRowSecurity",
    "AT_ForceRowSecurity",
    "AT_NoForceRowSecurity",
    "AT_ReplicaIdentity",
    "AT_DropIdentity",
    "AT_SetIdentity",
    "AT_SetStorage",
    "AT_SetCompression",
    "AT_DropExpression",
}
#: Sub-commands that change only the catalog, with a weaker lock.
_LOCKS = {
    "AT_SetStatistics": "SHARE UPDATE EXCLUSIVE",
    "AT_SetOptions": "SHARE UPDATE EXCLUSIVE",
    "AT_ResetOptions": "SHARE UPDATE EXCLUSIVE",
    "AT_SetRelOptions": STRONGEST_LOCK,
    "AT_ResetRelOptions": STRONGEST_LOCK,
    "AT_ClusterOn": "SHARE UPDATE EXCLUSIVE",
    "AT_EnableTrig": "SHARE ROW EXCLUSIVE",
    "AT_DisableTrig": "SHARE ROW EXCLUSIVE",
    "AT_EnableTrigAll": "SHARE ROW EXCLUSIVE",
    "AT_DisableTrigAll": "SHARE ROW EXCLUSIVE",
    "AT_EnableTrigUser": "SHARE ROW EXCLUSIVE",
    "AT_DisableTrigUser": "SHARE ROW EXCLUSIVE",
}


def _assess_default(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    result = Assessment().add(ChangeClass.METADATA).take_lock(STRONGEST_LOCK, table)
    name = command["name"]
    if absent_column(table, name):
        return result.refuse(f"{table} has no column {name} (42703)")
    if name in table.columns:
        default = state.render_expression(command["def"]).sql if "def" in command else ""
        table.columns[name] = table.columns[name].changed(default=default)
        sql_type = table.columns[name].sql_type
        why = state.catalog.refusal(f"SELECT CAST({default} AS {sql_type})") if default else ""
        return result.refuse(why) if why else result
    return result


def _assess_drop_not_null(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    result = Assessment().add(ChangeClass.METADATA).take_lock(STRONGEST_LOCK, table)
    name = command["name"]
    if absent_column(table, name):
        return result.refuse(f"{table} has no column {name} (42703)")
    if any(rule.kind == "primary" and name in read_columns(rule) for rule in table.rules):
        return result.refuse(f"{name} is part of the primary key of {table} (42P16)")
    if name in table.columns:
        table.columns[name] = table.columns[name].changed(not_null=False)
    return result


def _assess_set_not_null(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    name = command["name"]
    live_type = table.columns[name].type.name if name in table.columns else ""
    was_null = name in table.columns and not table.columns[name].not_null
    result = assess_not_null(state, table, name)
    if live_type in ("json", "jsonb") and was_null:
        # Required columns take it, and their readers seldom expect it.
        condition = f"{live_type}_typeof({quote_identifier(name)}) = 'null'"
        description = f"{table} rows whose {name} is JSON null"
        unknown = table.find_unknown(name)
        result.add_checks(
            make_filter_check(
                table, condition, description, RowImpact.JSON_NULL, unknown=unknown, column=name
            )
        )
    return result


def _assess_validate(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    note = f"every row is checked against {command['name']}; reads and writes go on"
    result = Assessment().add(ChangeClass.CAN_FAIL, note=note).take_lock("SHARE UPDATE EXCLUSIVE", table)
    if table.is_assumed:
        return result
    known = [rule for rule in table.rules if rule.name == command["name"]]
    if not known:
        return result.refuse(f"{table} has no constraint {command['name']} (42704)")
    for rule in known:
        if rule.other is not None:
            parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
            result.take_lock("ROW SHARE", *filter(None, [parent]))
        result.add_checks(*make_rule_checks(state, table, rule, is_validated=True))
    return result


def _assess_rewrite(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    result = Assessment().add(ChangeClass.REWRITES, ChangeClass.LONG_LOCK, note="every row is written again")
    return result.take_lock(STRONGEST_LOCK, table)


def _assess_add_identity(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    result = Assessment().add(ChangeClass.ADDITIVE, note=f"{command['name']} gets a sequence")
    result.take_lock(STRONGEST_LOCK, table)
    column = table.columns.get(command["name"])
    if column is None:
        return (
            result if table.is_assumed else result.refuse(f"{table} has no column {command['name']} (42703)")
        )
    if not column.not_null:
        return result.refuse(f"{command['name']} has to be NOT NULL before it becomes an identity (55000)")
    table.columns[column.name] = column.changed(is_computed=True)
    return result


def _assess_partition(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    """ATTACH and DETACH PARTITION."""
    attaches = command["subtype"] == "AT_AttachPartition"
    part = state.find_table(command["def"]["PartitionCmd"]["name"])
    if part is None:
        return (
            Assessment().add(ChangeClass.METADATA).refuse("there is no such partition at this point (42P01)")
        )
    table.unknown = table.unknown or f"{part} becomes a part of it or leaves it"
    result = Assessment().take_lock(STRONGEST_LOCK, part)
    if attaches:
        result.take_lock("SHARE UPDATE EXCLUSIVE", table)
        note = f"every row of {part} is checked against the bounds, unless a CHECK proves them"
        return result.add(ChangeClass.ADDITIVE, ChangeClass.CAN_FAIL, note=note)
    concurrently = command["def"]["PartitionCmd"].get("concurrent")
    result.take_lock("SHARE UPDATE EXCLUSIVE" if concurrently else STRONGEST_LOCK, table)
    return result.add(ChangeClass.METADATA, note=f"the rows of {part} leave {table}")


def _add_constraint(state: ScriptState, table: ScriptTable, command: Node) -> Assessment:
    return assess_constraint(state, table, command["def"]["Constraint"])


_ASSESSORS: dict[str, Callable[[ScriptState, ScriptTable, Node], Assessment]] = {
    "AT_AddColumn": assess_add_column,
    "AT_AlterColumnType": assess_alter_type,
    "AT_AddConstraint": _add_constraint,
    "AT_ColumnDefault": _assess_default,
    "AT_DropNotNull": _assess_drop_not_null,
    "AT_SetNotNull": _assess_set_not_null,
    "AT_DropColumn": assess_drop_column,
    "AT_DropConstraint": assess_drop_constraint,
    "AT_ValidateConstraint": _assess_validate,
    "AT_SetLogged": _assess_rewrite,
    "AT_SetUnLogged": _assess_rewrite,
    "AT_SetTableSpace": _assess_rewrite,
    "AT_SetAccessMethod": _assess_rewrite,
    "AT_SetExpression": _assess_rewrite,
    "AT_AddIdentity": _assess_add_identity,
    "AT_AttachPartition": _assess_partition,
    "AT_DetachPartition": _assess_partition,
}
