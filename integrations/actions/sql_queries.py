"""Sends one query that only reads to a database of any kind that the panel speaks to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django import forms

from integrations.clients import mysql, postgres, sqlite
from integrations.clients.mysql_address import MySqlAddress
from integrations.clients.mysql_text import refuse_changes
from integrations.errors import Problem
from integrations.sql_review.parser import SqlSyntaxError, parse_script
from integrations.systems import System

Rows = Sequence[Sequence[Any]]


def where_of(system: System) -> str:
    """The address without secrets: ``host:port/database``, or the path of a file."""
    if system.kind == "postgres":
        return postgres.address(system["url"])
    return str(MySqlAddress.parse(system["url"])) if system.kind == "mysql" else system["path"]


def fetch_result(
    system: System, query: str, *, timeout: float, most: int, attempt: str
) -> tuple[list[str], Rows]:
    """Names of the columns, and at most ``most`` + 1 rows. Raises `Problem`."""
    if system.kind == "sqlite":
        return sqlite.fetch_rows(system["path"], query, timeout=timeout, most=most)
    if system.kind == "mysql":
        return mysql.fetch_rows(system["url"], query, timeout=timeout, most=most, attempt=attempt)
    return _fetch_from_postgres(system["url"], query, timeout=timeout, most=most, attempt=attempt)


def _fetch_from_postgres(
    url: str, query: str, *, timeout: float, most: int, attempt: str
) -> tuple[list[str], Rows]:
    with (
        postgres.explain_errors(url),
        postgres.connect(url, attempt=attempt, autocommit=False, readonly=True) as connection,
    ):
        limit = f"{math.ceil(timeout * 1000)}ms"
        row = connection.execute(
            "select current_setting('transaction_read_only'), set_config('statement_timeout', %s, true)",
            [limit],
        ).fetchone()
        if row is None or row[0] != "on":
            raise Problem(
                "The transaction is not read-only, although it was asked for.",
                means="Nothing was run: a pooler may have given another session.",
                next="Give this system the direct address of the server.",
            )
        # The extended protocol takes one statement only; the text was parsed before as well.
        cursor = connection.execute(query.encode(), binary=True)
        return [column.name for column in cursor.description or ()], cursor.fetchmany(most + 1)


def refuse_other_statements(system: System, query: str) -> None:
    """Raises ValidationError for anything but one query that only reads; SQLite itself is asked later."""
    try:
        if system.kind == "mysql":
            refuse_changes(query)
        elif system.kind == "postgres":
            _refuse_changes_of_postgres(query)
    except ValueError as error:
        raise forms.ValidationError(f"query: {error}") from None


def _refuse_changes_of_postgres(query: str) -> None:
    """Raises ValueError for anything but one SELECT, by PostgreSQL's own grammar."""
    try:
        statements = parse_script(query)
    except SqlSyntaxError as error:
        raise ValueError(f"is no SQL: {error}.") from None
    if len(statements) != 1:
        raise ValueError(f"has {len(statements)} statements; it has to be one.")
    statement = statements[0]
    if statement.kind != "SelectStmt" or "intoClause" in statement.node:
        raise ValueError("only SELECT, WITH … SELECT and VALUES are read-only.")
