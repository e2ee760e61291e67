"""Reviews scripts: parses each statement with PostgreSQL's grammar, classifies it and counts its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from integrations.sql_review import data_changes
from integrations.sql_review.alter_table import assess_alter_table
from integrations.sql_review.assessment import LOCKS, Assessment, ChangeClass
from integrations.sql_review.catalog import Catalog
from integrations.sql_review.drops import assess_drop
from integrations.sql_review.indexes import assess_create_index
from integrations.sql_review.other_statements import KINDS_OF_CLASS, OTHER_ASSESSORS
from integrations.sql_review.parser import ParsedStatement, SqlSyntaxError, parse_script
from integrations.sql_review.row_counts import count_rows
from integrations.sql_review.script_review import ReviewedStatement, ScriptReview
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.statement_summary import summarize_statement
from integrations.sql_review.table_statements import (
    assess_create_table,
    assess_create_table_as,
    assess_rename,
    assess_set_schema,
)
from integrations.sql_review.types_and_extensions import refuse_new_labels


def review_script(
    sql: str, conn: psycopg.Connection[Any] | None = None, *, count: bool = True, seconds: float = 30
) -> ScriptReview:
    """Reviews a script of SQL, against the live database when a connection is given.

    With a connection the review knows the present types and NOT NULLs, and counts rows in a read-only
    transaction, each query within ``seconds``; a query that fails keeps its error. ``count`` False counts
    nothing. A script that PostgreSQL's grammar refuses has ``unparsable`` set and no statements.
    """
    return review_scripts({"": sql}, conn, count=count, seconds=seconds)[""]


def review_scripts(
    scripts: Mapping[str, str],
    conn: psycopg.Connection[Any] | None = None,
    *,
    count: bool = True,
    seconds: float = 30,
    state: ScriptState | None = None,
) -> dict[str, ScriptReview]:
    """Reviews scripts (name → SQL) that run one after the other; later ones see what earlier ones create.

    See `review_script` for the parameters. ``state`` is where the first script begins; afterwards it is what
    the last one leaves.
    """
    state = ScriptState(Catalog(conn)) if state is None else state
    return {name: _review_script(sql, state, count, seconds) for name, sql in scripts.items()}


def _review_script(sql: str, state: ScriptState, count: bool, seconds: float) -> ScriptReview:
    try:
        parsed = parse_script(sql)
    except SqlSyntaxError as error:
        return ScriptReview((), unparsable=str(error))
    # PostgreSQL makes one transaction of several statements that are sent at once.
    state.in_transaction, state.began_explicitly = len(parsed) > 1, False
    statements = tuple(_review_statement(statement, state) for statement in parsed)
    state.new_labels.clear()
    conn = state.catalog.conn
    if conn is not None and count:
        statements = count_rows(conn, statements, seconds=seconds)
    return ScriptReview(statements)


def _review_statement(statement: ParsedStatement, state: ScriptState) -> ReviewedStatement:
    state.number = statement.number
    state.missing.clear()
    state.refusals.clear()
    assessment = _merge(_assess_parts(statement, state))
    refuse_new_labels(assessment, statement, state)
    _refuse_what_the_server_refuses(assessment, statement, state)
    return ReviewedStatement(
        number=statement.number,
        line=statement.line,
        sql=statement.sql,
        summary=summarize_statement(statement),
        classes=tuple(change for change in ChangeClass if change in assessment.classes),
        lock=max(assessment.locks.values(), key=LOCKS.index, default=""),
        locks=dict(assessment.locks),
        checks=tuple(assessment.checks),
        notes="; ".join(assessment.notes),
    )


def _refuse_what_the_server_refuses(
    assessment: Assessment, statement: ParsedStatement, state: ScriptState
) -> None:
    """Asks the server for the rows as the statement leaves them: it knows every name, type and cast."""
    if ChangeClass.CANNOT_SUCCEED in assessment.classes or state.catalog.conn is None:
        return
    for name in state.missing:
        assessment.refuse(f"there is no table {name} at this point (42P01)")
    for why in state.refusals:
        assessment.refuse(why)
    for check in assessment.checks:
        why = state.catalog.refusal(check.query)
        if "(42" in why:  # a name or a type; other errors may be due to the count alone
            assessment.refuse(why)
            return
    for table in state.touched(statement.node):
        why = state.refusal(table) if table.query else ""
        if why:
            assessment.refuse(why)
            table.unknown = f"statement {statement.number} cannot succeed"


def _assess_parts(statement: ParsedStatement, state: ScriptState) -> list[Assessment]:
    if statement.kind == "AlterTableStmt":
        return assess_alter_table(statement, state)
    return [_assess(statement, state)]


def _merge(parts: list[Assessment]) -> Assessment:
    """Returns one assessment of all parts; “metadata only” is dropped where another class is there."""
    classes = {change for part in parts for change in part.classes}
    if len(classes) > 1:
        classes.discard(ChangeClass.METADATA)
    whole = Assessment(classes)
    for part in parts:
        whole.add_checks(*part.checks)
        whole.notes += [note for note in part.notes if note not in whole.notes]
        for table, lock in part.locks.items():
            whole.locks[table] = max(whole.locks.get(table, ""), lock, key=LOCKS.index)
    return whole


def _assess(statement: ParsedStatement, state: ScriptState) -> Assessment:
    assess = _ASSESSORS.get(statement.kind) or OTHER_ASSESSORS.get(statement.kind)
    if assess is not None:
        return assess(statement, state)
    for change_class, kinds in KINDS_OF_CLASS.items():
        if statement.kind in kinds:
            return Assessment().add(change_class)
    note = f"{statement.kind} is not among the statements that this review knows: read it"
    state.hide_everything(f"statement {statement.number} may have changed it")
    return Assessment().add(ChangeClass.NOT_UNDERSTOOD, note=note)


_ASSESSORS: dict[str, Callable[[ParsedStatement, ScriptState], Assessment]] = {
    "CreateStmt": assess_create_table,
    "CreateTableAsStmt": assess_create_table_as,
    "IndexStmt": assess_create_index,
    "DropStmt": assess_drop,
    "RenameStmt": assess_rename,
    "AlterObjectSchemaStmt": assess_set_schema,
    "UpdateStmt": data_changes.assess_update,
    "DeleteStmt": data_changes.assess_delete,
    "InsertStmt": data_changes.assess_insert,
    "TruncateStmt": data_changes.assess_truncate,
    "SelectStmt": data_changes.assess_select,
    "DoStmt": data_changes.assess_opaque,
    "CallStmt": data_changes.assess_opaque,
    "CopyStmt": data_changes.assess_opaque,
    "MergeStmt": data_changes.assess_opaque,
    "ExecuteStmt": data_changes.assess_opaque,
}
