"""Rules of a table (NOT NULL, unique, foreign key, CHECK): the rows that break them at a point of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from integrations.sql_review.assessment import RowCause, RowCheck, RowImpact
from integrations.sql_review.catalog import Rule
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.parser import SqlSyntaxError, find_nodes, parse_expression
from integrations.sql_review.row_checks import make_duplicate_check, make_filter_check, make_orphan_check
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable


def make_null_check(table: ScriptTable, column: str) -> RowCheck:
    """Counts the rows without a value in a column."""
    description = f"{table} rows whose {column} is NULL"
    unknown = table.find_unknown(column)
    return make_filter_check(
        table,
        f"{quote_identifier(column)} IS NULL",
        description,
        RowImpact.FAILS,
        unknown=unknown,
        column=column,
        cause=RowCause.NULL,
    )


def make_rule_checks(
    state: ScriptState, table: ScriptTable, rule: Rule, *, is_validated: bool = False
) -> Iterator[RowCheck]:
    """Yields the checks that count what breaks a rule; none for a kind that cannot be counted.

    A rule that is NOT VALID holds for new rows only, unless it is being validated.
    """
    unknown = table.find_unknown(*(name.strip('"') for name in read_columns(rule)))
    if not rule.is_valid and not is_validated:
        unknown = unknown or f"{rule.name} is NOT VALID, so rows that were there may break it"
    shown = ", ".join(column.replace('"', "") for column in rule.columns)
    if rule.kind == "primary":
        yield from _make_null_checks(table, rule, unknown)
    if rule.kind in ("primary", "unique"):
        description = f"values of {shown} in {table} that occur more than once"
        yield make_duplicate_check(
            table,
            rule.columns,
            description,
            where=rule.expression,
            nulls_equal=rule.nulls_equal,
            unknown=unknown,
        )
    elif rule.kind == "foreign" and rule.other is not None:
        parent = state.find_table({"schemaname": rule.other.schema, "relname": rule.other.name})
        if parent is not None:
            description = f"{table} rows whose {shown} is not in {parent}"
            yield make_orphan_check(table, rule, parent, description, unknown=unknown)
    elif rule.kind == "check":
        description = f"{table} rows that break CHECK ({rule.expression})"
        yield make_filter_check(
            table,
            f"NOT ({rule.expression})",
            description,
            RowImpact.FAILS,
            unknown=unknown,
            column=", ".join(sorted(read_columns(rule))),
            cause=RowCause.REFUSED,
        )


def _make_null_checks(table: ScriptTable, rule: Rule, unknown: str) -> Iterator[RowCheck]:
    """A primary key takes no NULL in any of its columns."""
    for column in rule.columns:
        name = column.strip('"')
        yield make_filter_check(
            table,
            f"{column} IS NULL",
            f"{table} rows whose {name} is NULL",
            RowImpact.FAILS,
            unknown=unknown,
            column=name,
            cause=RowCause.NULL,
        )


def read_columns(rule: Rule) -> set[str]:
    """The plain names of the columns that a rule looks at."""
    found = {column.strip('"') for column in rule.columns}
    for text in [*rule.columns, rule.expression]:
        try:
            tree = parse_expression(text) if text else {}
        except (SqlSyntaxError, KeyError, ValueError):
            continue
        for reference in find_nodes(tree, "ColumnRef"):
            found |= {field["String"]["sval"] for field in reference["fields"] if "String" in field}
    return found


def make_written_checks(state: ScriptState, table: ScriptTable, columns: Collection[str]) -> list[RowCheck]:
    """The checks of every rule that new values in these columns could break, on the rows after the write."""
    found = [
        make_null_check(table, column.name)
        for column in table.columns.values()
        if column.not_null and column.name in columns and not column.is_computed
    ]
    for rule in table.rules:
        # A reference of a row that this transaction has written is looked up again, whatever is written.
        is_looked_up = rule.kind == "foreign" and not rule.is_valid and bool(table.query)
        if rule.kind != "primary" and (is_looked_up or read_columns(rule) & set(columns)):
            found += make_rule_checks(state, table, rule)
        elif rule.kind == "primary" and read_columns(rule) & set(columns):
            found += list(make_rule_checks(state, table, rule))[-1:]
    return found
