"""Finds the tables into which migrations insert rows: a baseline does not run these statements."""

from __future__ import annotations

from collections.abc import Iterable

from integrations.errors import Problem
from integrations.prisma.migrations import MigrationFile
from integrations.sql_review.identifiers import format_table_name, shorten_name
from integrations.sql_review.parser import SqlSyntaxError, parse_script


def find_seeded_tables(files: Iterable[MigrationFile]) -> list[str]:
    """Returns the tables of all INSERT statements, once each, in their order; public is left out of names.

    Raises `Problem` for a file that PostgreSQL's grammar refuses.
    """
    return list(dict.fromkeys(table for file in files for table in _tables_of(file)))


def _tables_of(file: MigrationFile) -> list[str]:
    try:
        statements = parse_script(file.sql)
    except SqlSyntaxError as error:
        raise Problem(
            f"The migration {file.name} is not SQL that PostgreSQL reads: {error}.",
            means="Which rows it inserts is not known.",
            next="Correct the file, or compare it with the commit that was agreed.",
        ) from None
    return [
        shorten_name(format_table_name(each.node["relation"]))
        for each in statements
        if each.kind == "InsertStmt"
    ]
