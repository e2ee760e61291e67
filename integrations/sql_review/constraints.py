"""Assesses constraints that are added: which rows would break them, and what waits meanwhile."""

from __future__ import annotations

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass
from integrations.sql_review.casts import can_reference
from integrations.sql_review.catalog import Rule
from integrations.sql_review.identifiers import TableName, quote_identifier, read_names
from integrations.sql_review.parser import Node, deparse_expression
from integrations.sql_review.rules import make_null_check, make_rule_checks
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable

KINDS = {
    "CONSTR_PRIMARY": "primary",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_FOREIGN": "foreign",
    "CONSTR_CHECK": "check",
    "CONSTR_EXCLUSION": "other",
}
FOREIGN_LOCK = "SHARE ROW EXCLUSIVE"


def read_rule(node: Node, state: ScriptState, column: str = "") -> list[Rule]:
    """The rule of a ``Constraint`` of a table, or of one column; none for what is no rule (a default)."""
    kind = KINDS.get(node["contype"])
    if kind is None:
        return []
    own = (quote_identifier(column),) if column else ()
    keys = read_names(node.get("keys") or node.get("fk_attrs"))
    other = None
    if kind == "foreign":
        other = state.find_name(node["pktable"]) or state.name_of(node["pktable"])
    return [
        Rule(
            kind,
            node.get("conname", ""),
            tuple(quote_identifier(key) for key in keys) or own,
            deparse_expression(node["raw_expr"]) if "raw_expr" in node else "",
            nulls_equal=bool(node.get("nulls_not_distinct")),
            other=other,
            other_columns=tuple(quote_identifier(key) for key in read_names(node.get("pk_attrs"))),
            on_delete=str(node.get("fk_del_action") or "a"),
            is_valid=not node.get("skip_validation"),
        )
    ]


def complete_key(state: ScriptState, rule: Rule) -> Rule:
    """A foreign key with the columns that it refers to: without a list those of the primary key."""
    if rule.other is None or rule.other_columns:
        return rule
    parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
    keys = [each.columns for each in (parent.rules if parent else []) if each.kind == "primary"]
    return Rule(**{**vars(rule), "other_columns": keys[0] if keys else (quote_identifier("id"),)})


def check_new_key(result: Assessment, state: ScriptState, table: ScriptTable, rule: Rule) -> Rule:
    """Locks both tables of a new foreign key, and refuses one whose other side has no such key."""
    assert rule.other is not None
    parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
    if parent is None:
        result.refuse(f"there is no table {rule.other.shorten()} at this point (42P01)")
        return rule
    result.take_lock(FOREIGN_LOCK, parent)
    complete = complete_key(state, rule)
    table.rules = [complete if each is rule else each for each in table.rules]
    if parent.is_assumed or table.is_assumed:
        return complete
    wanted = sorted(column.strip('"') for column in complete.other_columns)
    keys = [
        sorted(column.strip('"') for column in each.columns)
        for each in parent.rules
        if each.kind in ("primary", "unique") and not each.expression
    ]
    if wanted not in keys:
        result.refuse(f"{parent} has no unique key of {', '.join(wanted)} (42830)")
    if _check_columns(result, table, complete):
        refuse_incomparable(result, state, table, parent, complete)
    return complete


def refuse_incomparable(
    result: Assessment, state: ScriptState, child: ScriptTable, parent: ScriptTable, rule: Rule
) -> None:
    """Refuses a foreign key whose types PostgreSQL does not compare by itself."""
    for own, theirs in zip(rule.columns, rule.other_columns, strict=False):
        column, key = child.columns.get(own.strip('"')), parent.columns.get(theirs.strip('"'))
        if column and key and not can_reference(state.catalog, column.sql_type, key.sql_type):
            types = f"{column.name} is {column.sql_type}, and {key.name} of {parent} is {key.sql_type}"
            result.refuse(f"a foreign key of {child} cannot be kept: {types} (42804)")


def _check_columns(result: Assessment, table: ScriptTable, rule: Rule) -> bool:
    absent = [column for column in rule.columns if column.strip('"') not in table.columns]
    if absent and not table.is_assumed:
        result.refuse(f"{table} has no column {', '.join(c.strip(chr(34)) for c in absent)} (42703)")
    return not absent or table.is_assumed


def assess_constraint(state: ScriptState, table: ScriptTable, node: Node) -> Assessment:
    """Assesses ALTER TABLE … ADD CONSTRAINT."""
    result = Assessment()
    if node["contype"] == "CONSTR_NOTNULL":
        return assess_not_null(
            state, table, read_names(node["keys"])[0], is_checked=not node.get("skip_validation")
        )
    if node.get("indexname"):
        table.rules = [
            Rule(**{**vars(rule), "kind": "primary"})
            if rule.name == node["indexname"] and node["contype"] == "CONSTR_PRIMARY"
            else rule
            for rule in table.rules
        ]
        return result.add(ChangeClass.METADATA, note="uses an existing index").take_lock(
            STRONGEST_LOCK, table
        )
    rules = read_rule(node, state)
    lock = FOREIGN_LOCK if node["contype"] == "CONSTR_FOREIGN" else STRONGEST_LOCK
    result.add(ChangeClass.ADDITIVE).take_lock(lock, table)
    if not rules:
        return result.add(
            ChangeClass.NOT_UNDERSTOOD, note="a kind of constraint that this review does not know"
        )
    return add_rule(result, state, table, rules[0], is_enforced=node.get("is_enforced", True))


def add_rule(
    result: Assessment, state: ScriptState, table: ScriptTable, rule: Rule, *, is_enforced: bool = True
) -> Assessment:
    """Adds a rule to a table: refuses what cannot be, and counts the rows that break it."""
    why = _refuse_rule(state, table, rule)
    if why:
        return result.refuse(why)
    if rule.name and rule.kind in ("primary", "unique"):
        state.other_names["", TableName(table.name.schema, rule.name)] = True
    table.rules.append(rule)
    if rule.kind == "foreign":
        rule = check_new_key(result, state, table, rule)
    elif not _check_columns(result, table, rule):
        return result
    if not rule.is_valid or not is_enforced:
        return result.add(note="NOT VALID: existing rows are not checked")
    if table.is_empty:
        return _require_columns(result.add(note=f"on {table}, which is new and empty"), table, rule)
    result.add(ChangeClass.CAN_FAIL, ChangeClass.LONG_LOCK, note=_what_waits(rule, table))
    result.add_checks(*make_rule_checks(state, table, rule))
    return _require_columns(result, table, rule)


def _refuse_rule(state: ScriptState, table: ScriptTable, rule: Rule) -> str:
    """Why a rule cannot be, whatever the rows are; empty when it can."""
    if rule.name and any(rule.name == each.name for each in table.rules):
        return f"{table} has a rule {rule.name} already (42710)"
    if rule.kind == "primary" and any(each.kind == "primary" for each in table.rules):
        return f"{table} has a primary key already (42P16)"
    if len(set(rule.columns)) < len(rule.columns):
        return "a column is named twice in it (42701)"
    if rule.name and rule.kind in ("primary", "unique"):
        taken = state.describe_taken({"schemaname": table.name.schema, "relname": rule.name})
        return f"{taken} exists already (42P07)" if taken else ""
    return state.refusal(table, rule.expression) if rule.kind == "check" else ""


def _require_columns(result: Assessment, table: ScriptTable, rule: Rule) -> Assessment:
    if rule.kind == "primary":
        for name in (column.strip('"') for column in rule.columns):
            if name in table.columns:
                table.columns[name] = table.columns[name].changed(not_null=True)
    return result


def _what_waits(rule: Rule, table: ScriptTable) -> str:
    if rule.kind == "foreign" and rule.other is not None:
        return f"every row is looked up in {rule.other.shorten()} while writes to both wait"
    if rule.kind in ("primary", "unique"):
        return "builds an index while reads and writes wait"
    return "every row is read while reads and writes wait"


def assess_not_null(
    state: ScriptState, table: ScriptTable, name: str, *, is_checked: bool = True
) -> Assessment:
    """Assesses SET NOT NULL, and NOT NULL as a constraint of its own."""
    result = Assessment().take_lock(STRONGEST_LOCK, table)
    column = table.columns.get(name)
    if column is None and not table.is_assumed:
        return result.refuse(f"{table} has no column {name} (42703)")
    if column is not None and column.not_null:
        return result.add(ChangeClass.METADATA, note=f"{name}: is NOT NULL already")
    if not is_checked:
        return result.add(ChangeClass.METADATA, note="NOT VALID: existing rows are not checked")
    check = make_null_check(table, name)
    if column is not None:
        table.columns[name] = column.changed(not_null=True)
    if table.is_empty:
        return result.add(ChangeClass.ADDITIVE, note=f"on {table}, which is new and empty")
    result.add(ChangeClass.LONG_LOCK, note=f"{name}: every row is read while reads and writes wait")
    if column is not None and column.filled:
        return result.add(note=f"{name}: {column.filled}")
    return result.add(ChangeClass.CAN_FAIL).add_checks(check)
