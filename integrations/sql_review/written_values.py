"""What is the same for every write: rules that new values could break, triggers, and types of values."""

from __future__ import annotations

from integrations.sql_review.assessment import Assessment, ChangeClass, RowCause, RowCheck, RowImpact
from integrations.sql_review.catalog import Column
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.parser import Node, find_nodes
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.rules import make_written_checks, read_columns
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable

WRITE_LOCK = "ROW EXCLUSIVE"


def missing(relation: Node, result: Assessment | None = None) -> Assessment:
    """The assessment of a statement about a table that is not there."""
    name = ".".join(filter(None, [relation.get("schemaname"), relation["relname"]]))
    return (result or Assessment()).refuse(f"there is no table {name} at this point (42P01)")


def find_triggers(table: ScriptTable, state: ScriptState) -> str:
    """Why the written values cannot be told where the table has triggers; empty where it has none."""
    return (
        f"triggers of {table} may change what statement {state.number} writes" if table.has_triggers else ""
    )


def loose_type(column: Column) -> str:
    """A column's type without its length: a cast to varchar(5) cuts a value that a write would refuse."""
    return "text" if column.type.name in ("varchar", "bpchar") else column.sql_type


def add_rule_checks(
    result: Assessment,
    state: ScriptState,
    table: ScriptTable,
    columns: list[str],
    node: Node,
    given: list[str],
) -> None:
    """Adds what the written values could break: rules, lengths, and rows that refer to old keys.

    ``columns`` have new values, ``given`` are those whose values the statement says itself.
    """
    checks = make_written_checks(state, table, columns)
    checks += [] if _is_plain(node) else [_make_conversion_check(table, given)]
    checks += [make_length_check(table, table.columns[name]) for name in columns if _has_length(table, name)]
    for child in state.referencing(table) if "targetList" in node else []:  # new keys break no reference
        for rule in child.rules:
            if rule.other == table.name and {c.strip('"') for c in rule.other_columns} & {*columns}:
                checks += make_written_checks(state, child, read_columns(rule))
    if checks or not _is_plain(node):
        result.add(ChangeClass.CAN_FAIL).add_checks(*checks)


def _has_length(table: ScriptTable, name: str) -> bool:
    column = table.columns.get(name)
    return column is not None and column.type.name in ("varchar", "bpchar") and bool(column.type.modifiers)


def make_length_check(table: ScriptTable, column: Column) -> RowCheck:
    """Counts the values that are longer than their column."""
    condition = f"length(CAST({quote_identifier(column.name)} AS text)) > {column.type.modifiers[0]}"
    description = f"{table} rows whose {column.name} is longer than {column.type.modifiers[0]} characters"
    unknown = table.find_unknown(column.name)
    return make_filter_check(
        table,
        condition,
        description,
        RowImpact.FAILS,
        unknown=unknown,
        column=column.name,
        cause=RowCause.UNFIT,
    )


def _make_conversion_check(table: ScriptTable, columns: list[str]) -> RowCheck:
    """Works out every written value: a cast that fails does so here, too, though no rule reads the column.

    No row of values is NULL as text, so the number is 0, or there is an error instead of one.
    """
    row = f"ROW({', '.join(quote_identifier(name) for name in columns)})"
    description = f"{table} rows with a value that cannot be converted"
    unknown = table.find_unknown(*columns)
    return make_filter_check(table, f"({row})::text IS NULL", description, RowImpact.FAILS, unknown=unknown)


def _is_plain(node: Node) -> bool:
    """Whether a write has constants only, which PostgreSQL converts without looking at rows."""
    tree = [node.get("targetList"), node.get("selectStmt")]
    kinds = ("FuncCall", "A_Expr", "SubLink", "TypeCast", "ColumnRef")
    return not any(True for kind in kinds for _ in find_nodes(tree, kind))
