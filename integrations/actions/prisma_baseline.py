"""Marks a migration as applied whose tables exist already, so that Prisma accepts the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from integrations.prisma.failed_migration import explain_remains
from integrations.prisma.migrations import (
    MigrationFile,
    MigrationRow,
    find_sessions,
    has_same_checksum,
    read_migration_files,
    read_migration_rows,
    record_pre_image,
    refuse_held_lock,
)
from integrations.sql_review import ChangeClass, review_script
from integrations.sql_review.created_tables import find_created_tables
from integrations.sql_review.identifiers import TableName
from integrations.sql_review.parser import SqlSyntaxError
from integrations.systems import System

MIGRATION_NAME = re.compile(r"\d{14}_\w+")


@dataclass(frozen=True)
class PrismaBaselineParams(actions.ActionParams):
    """The migration to mark, and the tables of it that may be missing."""

    prisma: System
    migration: str
    may_lack: list[Any]


class BaselineFacts(TypedDict):
    """The rows of _prisma_migrations, the migration's tables that are missing, and its statements that
    change rows, which a baseline does not execute."""

    rows: list[dict[str, Any]]
    lacking: list[str]
    not_done: list[str]


class PrismaBaselineEvidence(TypedDict, total=False):
    """What a run records."""

    baseline: BaselineFacts


@actions.register
class PrismaBaseline(actions.Action[PrismaBaselineParams, PrismaBaselineEvidence]):
    """Idempotent: Prisma refuses a second row of the same name (P3008), and the probe finds the first."""

    key, title = "prisma.baseline", "Mark the first migration as applied"
    verdict_shown = True
    public_params = frozenset({"migration", "may_lack"})
    effect = actions.Effect.IDEMPOTENT
    risky = True

    class Params(actions.ActionForm):
        """``migration``: the folder's name, e.g. 20260101120000_init. ``may_lack``: tables which that
        migration creates and this database may lack, because the alignment creates them."""

        prisma = actions.SystemField(kind="prisma")
        migration = forms.RegexField(MIGRATION_NAME)
        may_lack = actions.JSONValueField(kind=list, required=False)

    def resource(self, params: PrismaBaselineParams) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: PrismaBaselineParams) -> actions.Preview:
        """The command, and the statements of the migration that are *not* executed."""
        prisma = Prisma(params.prisma)
        file = _find_file(prisma, params.migration)
        lines = [
            prisma.format_command("migrate", "resolve", "--applied", file.name),
            "Adds _prisma_migrations with one row. No other table is changed.",
        ]
        return actions.Preview(lines, where=prisma.where, warnings=_statements_not_executed(file))

    def before(self, params: PrismaBaselineParams) -> dict[str, Any]:
        """The rows of the migration table, and the migrations of the project."""
        prisma = Prisma(params.prisma, attempt=params.context.attempt)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            return record_pre_image(prisma.migrations, conn, params.context.attempt)

    def run(
        self, params: PrismaBaselineParams, report: actions.RunReport[PrismaBaselineEvidence]
    ) -> actions.Outcome:
        """Checks that the tables exist and the row does not, resolves, and reads the row back."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        file = _find_file(prisma, params.migration)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            _refuse_recorded(conn, file)
            lacking = _refuse_missing_tables(conn, file, [str(name) for name in params.may_lack])
        with explain_remains(prisma):
            prisma.run("migrate", "resolve", "--applied", file.name)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            rows = [row for row in _rows_of(conn, file.name) if row.finished]
        if not rows or not has_same_checksum(rows[-1], file):
            raise Problem(
                f"Prisma reported that it marked {file.name}, but the table has no such row of this file.",
                means="The baseline cannot be relied on.",
                next="Run the Status item and compare the checksums.",
            )
        report.evidence(
            {
                "baseline": {
                    "rows": [row.as_facts() for row in rows],
                    "lacking": lacking,
                    "not_done": _statements_not_executed(file),
                }
            }
        )
        missing = f" Still missing, for the alignment to create: {', '.join(lacking)}." if lacking else ""
        return actions.Outcome(ok=True, summary=f"{file.name} is marked as applied.{missing}")

    def probe(self, params: PrismaBaselineParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether the table has the row."""
        prisma, name = Prisma(params.prisma), params.migration
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            sessions = find_sessions(conn, before["application"]) if before.get("application") else []
            rows = _rows_of(conn, name)
        if sessions:
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING, f"Session {sessions[0]} of that attempt still exists."
            )
        facts = {"rows": [row.as_facts() for row in rows]}
        if any(row.finished for row in rows):
            return actions.Finding(actions.ProbeStatus.DONE, f"{name} is recorded as applied.", facts)
        if any(row.failed for row in rows):
            return actions.Finding(actions.ProbeStatus.PARTIAL, f"{name} is recorded without an end.", facts)
        return actions.Finding(actions.ProbeStatus.NOT_DONE, f"{name} is not recorded.", facts)


def _find_file(prisma: Prisma, name: str) -> MigrationFile:
    files = {file.name: file for file in read_migration_files(prisma.migrations)}
    if name not in files:
        raise Problem(
            f"The project has no migration {name}.",
            means="Prisma would refuse it (P3017). Nothing was changed.",
            next=f"It has: {', '.join(files)}. Correct migration: of this item.",
        )
    return files[name]


def _rows_of(conn: Connection, name: str) -> list[MigrationRow]:
    """The rows of one migration; none when there is no _prisma_migrations yet."""
    return [row for row in read_migration_rows(conn) or () if row.name == name]


def _refuse_recorded(conn: Connection, file: MigrationFile) -> None:
    if any(row.rolled_back_at is None for row in _rows_of(conn, file.name)):
        raise Problem(
            f"The database has a row for {file.name} already.",
            means="The baseline was made before, or the migration was applied. Nothing was changed.",
            next="Check with the Status item what is recorded; then go on with the Deploy item.",
        )


def _refuse_missing_tables(conn: Connection, file: MigrationFile, may_lack: list[str]) -> list[str]:
    """The migration's tables that do not exist. Raises `Problem` unless the runbook allows each of them."""
    schema = _read_schema(conn)
    tables = _parse_tables(file, schema)
    _refuse_unknown_names(file, may_lack, tables, schema)
    lacking = [table for table in tables if not _exists(conn, table)]
    refused = [table for table in lacking if not any(table.is_called(name, schema) for name in may_lack)]
    if refused:
        raise Problem(
            f"{len(lacking)} of the {len(tables)} tables of {file.name} are not in the database; "
            f"not allowed to be missing: {', '.join(table.shorten(schema) for table in refused)}.",
            means="Marking it as applied would hide that they are missing, or this is the wrong database. "
            "Nothing was changed.",
            next="Check the address. If the alignment creates them, name them under may_lack: here.",
        )
    return [table.shorten(schema) for table in lacking]


def _read_schema(conn: Connection) -> str:
    """The schema of names that are written without one."""
    row = conn.execute("SELECT current_schema()").fetchone()
    return str(row[0]) if row and row[0] else "public"


def _exists(conn: Connection, table: TableName) -> bool:
    row = conn.execute("SELECT to_regclass(%s) IS NOT NULL", [table.quoted]).fetchone()
    return bool(row and row[0])


def _parse_tables(file: MigrationFile, schema: str) -> list[TableName]:
    try:
        return find_created_tables(file.sql, schema)
    except SqlSyntaxError as error:
        raise Problem(
            f"{file.name} is not SQL that PostgreSQL reads: {error}.",
            means="Which tables it creates is not known, so it cannot be marked as applied. Nothing was "
            "changed.",
            next="Compare the file with the release; a merge may have left its marks in it.",
        ) from None


def _refuse_unknown_names(
    file: MigrationFile, may_lack: list[str], tables: list[TableName], schema: str
) -> None:
    unknown = [name for name in may_lack if not any(table.is_called(name, schema) for table in tables)]
    if unknown:
        raise Problem(
            f"The parameter may_lack names what {file.name} does not create: {', '.join(unknown)}.",
            means="A name is written wrong, or is of another migration. Nothing was changed.",
            next=f"It creates: {', '.join(table.shorten(schema) for table in tables)}.",
        )


def _statements_not_executed(file: MigrationFile) -> list[str]:
    """The statements that change rows, which a baseline does not execute."""
    return [
        f"Not done by a baseline: {statement.summary} (line {statement.line}, {statement.summarize()})."
        for statement in review_script(file.sql)
        if ChangeClass.CHANGES_DATA in statement.classes
    ]
