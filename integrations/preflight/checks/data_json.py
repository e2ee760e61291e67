"""JSON values of columns that are required are what their default declares: no JSON null, no other kind.

An application can store its language's null as JSON null, which is not NULL: NOT NULL takes it, no back-fill
replaces it, and a program that expects an object fails on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from integrations.clients import postgres
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.key_examples import read_keys, read_live_table
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import project_database, read_reviewed_changes
from integrations.sql_review.catalog import Column
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.parser import SqlSyntaxError, find_nodes, parse_expression
from integrations.sql_review.tables import ScriptTable
from integrations.systems import System

JSON_TYPES = ("json", "jsonb")
TIMEOUT = 40_000  # milliseconds for the one scan of a table


@dataclass(frozen=True)
class RequiredJson:
    """A JSON column that will be required; ``kind`` is that of its default: object, array or "" (unknown)."""

    name: str
    sql_type: str
    kind: str

    @property
    def kind_of_value(self) -> str:
        """The kind of a value, as SQL."""
        return f"{self.sql_type}_typeof({quote_identifier(self.name)})"

    @property
    def is_null(self) -> str:
        """The condition for JSON null."""
        return f"{self.kind_of_value} = 'null'"

    @property
    def is_other(self) -> str:
        """The condition for a value of another kind than the default's, and not JSON null."""
        return f"{self.kind_of_value} NOT IN ('null', '{self.kind}')" if self.kind else "false"


@preflight_check("data.json", "Required JSON values are what their columns declare", seconds=400)
def check_required_json(scope: CheckScope) -> Iterator[CheckResult]:
    """One scan of each table with such columns counts JSON null, and values of another kind."""
    for project in migrating_projects(scope):
        required = find_required_json(read_reviewed_changes(scope, project).after)
        with scope.database(project_database(project), statement_timeout=TIMEOUT) as connection:
            for name, columns in required.items():
                scope.raise_if_cancelled()
                table = read_live_table(connection, name)
                if table is not None:
                    yield from _judge_table(project, connection, table, columns)


def find_required_json(tables: Mapping[str, Mapping[str, Column]]) -> dict[str, list[Column]]:
    """Table → its JSON columns that are NOT NULL after everything that lies ahead."""
    found = {
        table: [each for each in columns.values() if each.not_null and each.type.name in JSON_TYPES]
        for table, columns in tables.items()
    }
    return {table: columns for table, columns in found.items() if columns}


def _judge_table(
    project: System, connection: postgres.Connection, table: ScriptTable, columns: list[Column]
) -> Iterator[CheckResult]:
    asked = [
        RequiredJson(each.name, table.columns[each.name].type.name, read_kind(each.default))
        for each in columns
        if each.name in table.columns and table.columns[each.name].type.name in JSON_TYPES
    ]
    if not asked:
        return  # these columns are new
    counts = ", ".join(
        f"count(*) FILTER (WHERE {c})" for each in asked for c in (each.is_null, each.is_other)
    )
    query = f"SELECT {counts} FROM {table.source()}"  # noqa: S608 - quoted names
    row = connection.execute(query.encode()).fetchone() or ()
    numbers = iter(row)
    for column in asked:
        nulls, others = next(numbers), next(numbers)
        yield _judge_column(project, connection, table, column, nulls, others)


def _judge_column(
    project: System,
    connection: postgres.Connection,
    table: ScriptTable,
    column: RequiredJson,
    nulls: int,
    others: int,
) -> CheckResult:
    name, declared = f"{table}.{column.name}", f"an {column.kind}" if column.kind else "a value"
    subject, asked = f"{project.name}: {name}", f"Does every value of {name} hold {declared}?"
    if not nulls and not others:
        return CheckResult(subject, Verdict.GREEN, asked, "Yes.", systems=(project.name,))
    seen = []
    if nulls:
        keys = read_keys(connection, table, column.is_null)
        seen.append(f"{nulls:,} rows hold JSON null, which NOT NULL takes and no back-fill replaces.{keys}")
    if others:
        keys = read_keys(connection, table, column.is_other)
        seen.append(f"{others:,} rows hold another kind of value.{keys}")
    instead = "'{}'" if column.kind == "object" else "'[]'" if column.kind == "array" else "the default"
    change = (
        f"Check that the new code reads such values, or set them to {instead} before the window, where "
        f"{column.is_null}."
    )
    return CheckResult(subject, Verdict.AMBER, asked, " ".join(seen), change, (project.name,))


def read_kind(default: str) -> str:
    """The kind of JSON of a column's default: object, array, or "" where it has none that is a constant."""
    try:
        constants = list(find_nodes(parse_expression(default), "A_Const")) if default else []
        value = json.loads(constants[0]["sval"]["sval"]) if len(constants) == 1 else None
    except (SqlSyntaxError, KeyError, ValueError):
        return ""
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else ""
