"""Columns that are compared through SQL of a person, or of a rule: checked by the server, with their type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from integrations.parity.errors import ParityError
from integrations.parity.model.declared import NORMAL_FORMS, DeclaredRule
from integrations.parity.server.answer_types import read_type
from integrations.parity.server.catalog import CatalogColumn, CatalogTable
from integrations.parity.server.expressions import check_expression
from integrations.parity.server.snapshot import Snapshot

TablesByPlace = Mapping[tuple[str, str], CatalogTable]
#: No form fits it: the column is reported as one that could not be compared.
UNKNOWN = CatalogColumn("", "(other SQL when the fingerprint was taken)", "", "unknown")


def express(
    tables: TablesByPlace,
    snapshot: Snapshot | None,
    side: str,
    rules: Iterable[DeclaredRule],
    labels: Collection[str],
    constants: set[tuple[str, str]] | None = None,
) -> TablesByPlace:
    """The tables of one side with the expressions of these rules, in tables of these labels.

    ``constants`` gets (label, column) of each expression that uses no column.

    Without a snapshot, the tables are those of a fingerprint, which was taken with its expressions.
    Raises `ParityError` about an expression that cannot be used.
    """
    wanted = [rule for rule in rules if rule.is_sql]
    found = set[tuple[str, str]]() if constants is None else constants
    return {
        place: _express_table(table, snapshot, side, wanted, found) if table.label in labels else table
        for place, table in tables.items()
    }


def _express_table(
    table: CatalogTable,
    snapshot: Snapshot | None,
    side: str,
    rules: Iterable[DeclaredRule],
    constants: set[tuple[str, str]],
) -> CatalogTable:
    raw, columns = table, {column.name: column for column in table.columns}
    for rule in rules:
        names = [rule.column] if rule.kind == "as" else list(columns)
        for name in names:
            # The first rule of a column applies, as with all declared rules.
            if not rule.matches(table.label, name) or _is_expressed(raw, columns, name):
                continue
            if text := _find_sql(rule, raw.column(name), side):
                columns[name], is_constant = _express_column(raw, snapshot, side, name, text)
                constants |= {(raw.label, name)} if is_constant else set()
    return replace(table, columns=tuple(columns.values()))


def _is_expressed(raw: CatalogTable, columns: Mapping[str, CatalogColumn], name: str) -> bool:
    return name in columns and columns[name] is not raw.column(name)


def _find_sql(rule: DeclaredRule, column: CatalogColumn | None, side: str) -> str:
    """The expression of a rule on one side; empty where the column is compared as it is."""
    if rule.kind == "as":
        return rule.source if side == "source" else rule.target
    if column is None:
        return ""
    if rule.kind == "rounded_number":
        return f"round(({column.identifier.as_string()})::numeric, {rule.digits})"
    return NORMAL_FORMS[rule.form].format(column.text.as_string())


def _express_column(
    table: CatalogTable, snapshot: Snapshot | None, side: str, name: str, text: str
) -> tuple[CatalogColumn, bool]:
    """The column, and whether its SQL uses no column of the table."""
    column = table.column(name)
    stored = column.stored if column else ""
    if snapshot is None:
        taken = column if column and column.expression == text else replace(UNKNOWN, name=name)
        return replace(taken, expression=text), False
    checked = check_expression(snapshot, table, text, f"The SQL for {table.label}.{name}, for the {side},")
    found = read_type(snapshot, checked.type)
    typed = replace(found, name=name, stored=stored, expression=text, made_up=column is None)
    return typed, not checked.uses_columns


def refuse_constants(source: set[tuple[str, str]], target: set[tuple[str, str]]) -> None:
    """Raises `ParityError` where both sides of a column are constants, so that all rows would be equal."""
    for table, name in sorted(source & target):
        raise ParityError(
            f"The SQL for {table}.{name} uses no column on either side.",
            means="All rows would be equal, whatever they hold.",
            next="Use a column of the table on one side at least, or leave the column out (not_compared).",
        )
