"""Reads the diff that Prisma prints: its ALTER TABLE commands, the defaults it sets, what it drops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integrations.errors import Problem
from integrations.sql_review.identifiers import (
    format_dotted_name,
    format_table_name,
    quote_identifier,
    shorten_name,
)
from integrations.sql_review.parser import (
    TOKEN,
    ParsedStatement,
    SqlSyntaxError,
    find_function_calls,
    parse_script,
)


def parse_diff(diff: str) -> list[ParsedStatement]:
    """Returns the statements of the diff. Raises `Problem` when PostgreSQL's grammar refuses it."""
    try:
        return parse_script(diff)
    except SqlSyntaxError as error:
        raise Problem(
            f"The diff that Prisma printed is not SQL that PostgreSQL reads: {error}.",
            means="No alignment was made of it. Nothing was changed.",
            next="Look at the file of the Diff item; it usually contains a message of the CLI.",
        ) from None


def iterate_commands(
    statements: list[ParsedStatement],
) -> Iterator[tuple[ParsedStatement, str, dict[str, Any]]]:
    """Yields the sub-commands of every ALTER TABLE: the statement, the quoted table, the parse tree."""
    for each in statements:
        if each.kind == "AlterTableStmt":
            table = format_table_name(each.node["relation"])
            yield from ((each, table, command["AlterTableCmd"]) for command in each.node["cmds"])


def read_new_defaults(statements: list[ParsedStatement]) -> dict[tuple[str, str], str]:
    """Returns (quoted table, column) → the text of SET DEFAULT; empty for DROP DEFAULT."""
    found = {}
    for each, table, command in iterate_commands(statements):
        if command["subtype"] == "AT_ColumnDefault":
            found[table, command["name"]] = (
                _extract_default(each, command["name"]) if "def" in command else ""
            )
    return found


def _extract_default(statement: ParsedStatement, column: str) -> str:
    """Returns the expression after SET DEFAULT, up to the comma outside of brackets that ends the command."""
    tokens = [token for token in TOKEN.finditer(statement.sql) if token.lastgroup != "skip"]
    words = [token.group() for token in tokens]
    names = (column, quote_identifier(column))
    start = next(
        index + 3
        for index in range(1, len(words) - 2)
        if [word.upper() for word in words[index + 1 : index + 3]] == ["SET", "DEFAULT"]
        # PostgreSQL folds a name without quotes to small letters.
        and (words[index] in names or words[index].lower() == column)
    )
    depth = 0
    for index in range(start, len(words)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(words[index], 0)
        if depth == 0 and words[index] in {",", ";"}:
            return statement.sql[tokens[start].start() : tokens[index].start()].strip()
    return statement.sql[tokens[start].start() :].strip()


def find_bare_not_null(command: dict[str, Any]) -> int | None:
    """Returns where NOT NULL is in a new column without a default (a byte offset); None otherwise."""
    rules = [rule["Constraint"] for rule in command["def"]["ColumnDef"].get("constraints", [])]
    kinds = {rule["contype"]: rule.get("location", 0) for rule in rules}
    if kinds.keys() & {"CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"}:
        return None
    return kinds.get("CONSTR_NOTNULL")


def insert_texts(statement: ParsedStatement, inserts: list[tuple[int, str]]) -> str:
    """Returns the statement with texts inserted at byte offsets of the script."""
    raw = statement.script[statement.begin : statement.end]
    for place, text in sorted(inserts, reverse=True):
        at = place - statement.begin
        raw = raw[:at] + text.encode() + raw[at:]
    return raw.decode().strip()


def find_losses(statements: list[ParsedStatement]) -> list[str]:
    """Returns the tables and “table.column”s that the diff drops."""
    found = [
        f"{shorten_name(table)}.{command['name']}"
        for _, table, command in iterate_commands(statements)
        if command["subtype"] == "AT_DropColumn"
    ]
    for each in statements:
        if each.kind == "DropStmt" and each.node["removeType"] == "OBJECT_TABLE":
            found += [
                shorten_name(format_dotted_name(item["List"]["items"])) for item in each.node["objects"]
            ]
    return found


#: Functions that return the time at which they are called.
TIME_FUNCTIONS = {"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timeofday"}
#: The same without brackets, by the names in the parse tree; CURRENT_TIME begins CURRENT_TIMESTAMP, too.
TIME_OPERATORS = ("SVFOP_CURRENT_DATE", "SVFOP_CURRENT_TIME", "SVFOP_LOCALTIME")


def is_present_time(expression: str) -> bool:
    """Whether an SQL expression has the time of its execution in it (CURRENT_TIMESTAMP, now() …)."""
    try:
        (statement,) = parse_script(f"SELECT {expression}")
    except (SqlSyntaxError, ValueError):
        return False
    called = {name.lower() for name in find_function_calls(statement.node)}
    tree = json.dumps(statement.node)
    return bool(called & TIME_FUNCTIONS) or any(operator in tree for operator in TIME_OPERATORS)


def read_script(script: Path) -> str:
    """The script that Prisma wrote. Raises `Problem` when there is none."""
    try:
        return script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Problem(
            "Prisma compared, and wrote no script that can be read.",
            means="Whether the database is as the schema says is not known. Nothing was changed.",
            next="Read the log of this attempt, and run the command of the preview by hand.",
        ) from None
