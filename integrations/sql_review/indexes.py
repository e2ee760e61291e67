"""Assesses CREATE INDEX."""

from __future__ import annotations

from integrations.sql_review.assessment import Assessment, ChangeClass, RowCheck, RowImpact
from integrations.sql_review.casts import is_immutable, is_stable_to_text
from integrations.sql_review.catalog import Rule
from integrations.sql_review.identifiers import TableName, quote_identifier, read_names
from integrations.sql_review.parser import (
    Node,
    ParsedStatement,
    deparse_expression,
    find_function_calls,
    find_nodes,
)
from integrations.sql_review.row_checks import make_filter_check
from integrations.sql_review.rules import make_rule_checks
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable


def assess_create_index(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """An index: its name has to be free, it takes a lock, and a unique one can fail."""
    node, result = statement.node, Assessment().add(ChangeClass.ADDITIVE)
    table = state.find_table(node["relation"])
    if table is None:
        return result.refuse(f"there is no table {node['relation']['relname']} at this point (42P01)")
    absent = [
        each["IndexElem"]["name"]
        for each in node["indexParams"]
        if "name" in each["IndexElem"] and each["IndexElem"]["name"] not in table.columns
    ]
    if absent and not table.is_assumed:
        return result.refuse(f"{table} has no column {', '.join(absent)} (42703)")
    name = TableName(table.name.schema, node.get("idxname", ""))
    taken = state.describe_taken({"schemaname": name.schema, "relname": name.name}) if name.name else ""
    if taken and node.get("if_not_exists"):
        result = Assessment().add(ChangeClass.METADATA, note=f"{name.name} exists already: nothing happens")
        return result.take_lock("SHARE", table)
    if taken:
        return result.refuse(f"{taken} exists already (42P07)")
    state.other_names["", name] = True
    state.index_tables[name] = table
    _add_lock(result, node, state, table)
    columns = [_column_sql(each["IndexElem"]) for each in node["indexParams"]]
    varying = _find_varying(node, state, table)
    if varying:
        return result.refuse(f"{varying} is not IMMUTABLE, and an index must not depend on settings (42P17)")
    if node.get("unique"):
        _assess_unique(result, node, state, table, Rule("unique", name.name, tuple(columns)))
    elif not table.is_empty and any("expr" in each["IndexElem"] for each in node["indexParams"]):
        result.add(ChangeClass.CAN_FAIL, note="its expression is worked out for every row")
        result.add_checks(_make_expression_check(table, columns))
    return result


def _make_expression_check(table: ScriptTable, expressions: list[str]) -> RowCheck:
    """Works out the expressions of every row: none is NULL as a row's text, so the number is 0, or there is
    an error instead of one, as there would be when the index is built."""
    condition = f"(ROW({', '.join(f'({each})' for each in expressions)}))::text IS NULL"
    description = f"rows of {table} for which an expression of the index cannot be worked out"
    return make_filter_check(table, condition, description, RowImpact.FAILS)


def _column_sql(element: Node) -> str:
    return quote_identifier(element["name"]) if "name" in element else deparse_expression(element["expr"])


def _find_varying(node: Node, state: ScriptState, table: ScriptTable) -> str:
    """A function or cast in an index whose result depends on settings; empty when there is none."""
    parts = [node["indexParams"], node.get("whereClause")]
    for name in find_function_calls(parts):
        if not is_immutable(state.catalog, name):
            return f"{name}()"
    for cast in find_nodes(parts, "TypeCast"):
        fields = cast["arg"].get("ColumnRef", {}).get("fields", [{}])
        column = table.columns.get(fields[-1].get("String", {}).get("sval", ""))
        target = read_names(cast["typeName"]["names"])[-1]
        if (
            column
            and target in ("text", "varchar")
            and not is_stable_to_text(state.catalog, column.type.name)
        ):
            return f"the cast of {column.name} ({column.sql_type}) to {target}"
    return ""


def _add_lock(result: Assessment, node: Node, state: ScriptState, table: ScriptTable) -> None:
    if node.get("concurrent"):
        result.add(note="built while reads and writes go on").take_lock("SHARE UPDATE EXCLUSIVE", table)
        refuse_in_transaction(result, state, "CREATE INDEX CONCURRENTLY")
    elif table.is_empty:
        result.add(note=f"on {table}, which is new and empty")
    else:
        result.add(ChangeClass.LONG_LOCK, note="writes wait while it is built").take_lock("SHARE", table)


def refuse_in_transaction(result: Assessment, state: ScriptState, what: str) -> None:
    """Refuses what PostgreSQL does only outside of a transaction."""
    if state.began_explicitly:
        result.refuse(f"{what} cannot run between BEGIN and COMMIT (25001)")
    elif state.in_transaction:
        result.refuse(
            f"{what} cannot run in a transaction (25001), and Prisma before 7.4 sends the whole file as one; "
            "put it into a migration of its own"
        )


def _assess_unique(
    result: Assessment, node: Node, state: ScriptState, table: ScriptTable, rule: Rule
) -> None:
    where = deparse_expression(node["whereClause"]) if "whereClause" in node else ""
    rule = Rule(**{**vars(rule), "expression": where, "nulls_equal": bool(node.get("nulls_not_distinct"))})
    table.rules.append(rule)
    if table.is_empty:
        return
    result.add(ChangeClass.CAN_FAIL, note="unique: a repeated value makes it fail")
    result.add_checks(*make_rule_checks(state, table, rule))
