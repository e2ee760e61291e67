"""Judges ALTER TABLE, one sub-command at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.clients.sql_review.column_types import convert, from_tree
from integrations.clients.sql_review.constraints import add_constraint, all_rows, filter_check
from integrations.clients.sql_review.reading import Cut
from integrations.clients.sql_review.script import Script, bare, quoted, table_name
from integrations.clients.sql_review.statement import Change, Judgement, Weighs

ALL = "ACCESS EXCLUSIVE"
#: Column types whose default is a sequence: each row gets a number of its own.
SERIALS = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
#: Constraints within ADD COLUMN that are judged like ones that are added by themselves.
INLINE = {"CONSTR_FOREIGN", "CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_CHECK"}


def alter_table(cut: Cut, script: Script) -> list[Judgement]:
    """One judgement for each sub-command; other objects than tables are the catalog's alone."""
    if cut.node.get("objtype") not in {"OBJECT_TABLE", "OBJECT_MATVIEW"}:
        return [Judgement().add(Change.METADATA, lock=ALL)]
    table = table_name(cut.node["relation"])
    return [_command(cut, script, table, each["AlterTableCmd"]) for each in cut.node["cmds"]]


def _command(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    kind = command["subtype"]
    if table in script.made and kind != "AT_DropColumn":
        return Judgement().add(Change.ADDITIVE, words=f"on {bare(table)}, which is new and empty")
    if kind == "AT_AddConstraint":
        return add_constraint(cut, script, table, command["def"]["Constraint"])
    judge = _JUDGES.get(kind)
    if judge is not None:
        return judge(cut, script, table, command)
    if kind in _CATALOG_ONLY:
        return Judgement().add(Change.METADATA, lock=ALL)
    words = f"{kind.removeprefix('AT_')} is not among the changes that this review knows: read it"
    return Judgement().add(Change.NOT_UNDERSTOOD, words=words, lock=ALL)


_CATALOG_ONLY = {
    "AT_ColumnDefault",
    "AT_DropNotNull",
    "AT_DropConstraint",
    "AT_AlterConstraint",
    "AT_SetStatistics",
    "AT_SetOptions",
    "AT_ResetOptions",
    "AT_SetRelOptions",
    "AT_ResetRelOptions",
    "AT_ChangeOwner",
    "AT_EnableTrig",
    "AT_DisableTrig",
    "AT_EnableRowSecurity",
    "AT_DisableRowSecurity",
    "AT_ReplicaIdentity",
    "AT_DropIdentity",
    "AT_SetIdentity",
    "AT_SetStorage",
    "AT_SetCompression",
}


def _add_column(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    column = command["def"]["ColumnDef"]
    name = column["colname"]
    rules = {c["Constraint"]["contype"]: c["Constraint"] for c in column.get("constraints", [])}
    found = Judgement().add(Change.ADDITIVE, lock=ALL)
    has_value = _has_value(column, rules)
    script.added[table, name] = has_value
    if _each_row_its_own(script, column, rules):
        words = f"{name}: each row gets a value of its own, so the table is written again"
        found.add(Change.REWRITES, Change.LONG_LOCK, words=words)
    if not has_value and rules.keys() & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"}:
        found.add(Change.CAN_FAIL, words=f"{name}: NOT NULL without a default fails if there is any row")
        found.ask(all_rows(table, f"rows of {bare(table)} without a value for {name}", Weighs.FAILS))
    for rule in rules.keys() & INLINE:
        found.add(Change.LONG_LOCK, words=f"{name}: {rule.removeprefix('CONSTR_')} checks every row")
    return found


def _has_value(column: dict[str, Any], rules: dict[str, Any]) -> bool:
    default = rules.get("CONSTR_DEFAULT", {}).get("raw_expr", {})
    is_null = default.get("A_Const", {}).get("isnull", False)
    given = bool(default) and not is_null
    return given or bool(rules.keys() & {"CONSTR_IDENTITY", "CONSTR_GENERATED"}) or _is_serial(column)


def _is_serial(column: dict[str, Any]) -> bool:
    return from_tree(column["typeName"]).name in SERIALS


def _each_row_its_own(script: Script, column: dict[str, Any], rules: dict[str, Any]) -> bool:
    if _is_serial(column) or rules.keys() & {"CONSTR_IDENTITY", "CONSTR_GENERATED"}:
        return True
    called = functions(rules.get("CONSTR_DEFAULT", {}).get("raw_expr"))
    return any(script.catalog.is_volatile(name) for name in called)


def functions(node: Any) -> list[str]:
    """The names of all functions called anywhere in a piece of a parse tree."""
    if isinstance(node, list):
        return [name for each in node for name in functions(each)]
    if not isinstance(node, dict):
        return []
    own = [node["FuncCall"]["funcname"][-1]["String"]["sval"]] if "FuncCall" in node else []
    return own + [name for each in node.values() for name in functions(each)]


def _alter_type(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    name, definition = command["name"], command["def"]["ColumnDef"]
    now = script.column(table, name)
    change = convert(now.type if now else None, from_tree(definition["typeName"]))
    found = Judgement().add(Change.METADATA, words=f"{name}: {change.words}", lock=ALL)
    if not change.rewrites and "raw_default" not in definition:
        return found
    found.classes = {Change.REWRITES, Change.LONG_LOCK}
    if change.fails_unseen or now is None:
        found.add(Change.CAN_FAIL)
    for condition, weighs, words, grave in (
        (change.fails, Weighs.FAILS, "does not fit", Change.CAN_FAIL),
        (change.changes, Weighs.CHANGED, "comes out different", Change.CHANGES_DATA),
    ):
        if condition:
            found.add(grave).ask(
                filter_check(
                    table,
                    condition.replace("{c}", quoted(name)),
                    f"{bare(table)} rows whose {name} {words}",
                    weighs,
                )
            )
    return found


def _set_not_null(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    name = command["name"]
    now = script.column(table, name)
    if now and now.not_null:
        return Judgement().add(Change.METADATA, words=f"{name}: is NOT NULL already", lock=ALL)
    words = f"{name}: every row is read while nobody reads or writes"
    found = Judgement().add(Change.LONG_LOCK, words=words, lock=ALL)
    if (table, name) in script.filled:
        number, sure = script.filled[table, name]
        found.add(words=f"{name}: filled by statement {number} before")
        return found if sure else found.add(Change.CAN_FAIL)
    if (table, name) not in script.added:
        check = f"{bare(table)} rows whose {name} is NULL"
        condition = f"{quoted(name)} IS NULL"
        return found.add(Change.CAN_FAIL).ask(filter_check(table, condition, check, Weighs.FAILS))
    if script.added[table, name]:
        return found.add(words=f"{name}: has its default in every row")
    check = f"rows of {bare(table)}, all without a value for {name}"
    return found.add(Change.CAN_FAIL).ask(all_rows(table, check, Weighs.FAILS))


def _drop_column(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    name = command["name"]
    found = Judgement().add(Change.DESTRUCTIVE, words=f"{name}: its values are gone", lock=ALL)
    if table in script.made or (table, name) in script.added:
        return found
    words = f"{bare(table)} rows that have a value in {name}"
    return found.ask(filter_check(table, f"{quoted(name)} IS NOT NULL", words, Weighs.LOST))


def _validate(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    words = f"every row is held against {command['name']}; reads and writes go on"
    return Judgement().add(Change.CAN_FAIL, words=words, lock="SHARE UPDATE EXCLUSIVE")


def _rewrite(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    return Judgement().add(Change.REWRITES, Change.LONG_LOCK, words="every row is written again", lock=ALL)


def _add_identity(cut: Cut, script: Script, table: str, command: dict[str, Any]) -> Judgement:
    return Judgement().add(Change.ADDITIVE, words=f"{command['name']} gets a sequence", lock=ALL)


_JUDGES: dict[str, Callable[[Cut, Script, str, dict[str, Any]], Judgement]] = {
    "AT_AddColumn": _add_column,
    "AT_AlterColumnType": _alter_type,
    "AT_SetNotNull": _set_not_null,
    "AT_DropColumn": _drop_column,
    "AT_ValidateConstraint": _validate,
    "AT_SetLogged": _rewrite,
    "AT_SetUnLogged": _rewrite,
    "AT_SetTableSpace": _rewrite,
    "AT_SetAccessMethod": _rewrite,
    "AT_AddIdentity": _add_identity,
}
