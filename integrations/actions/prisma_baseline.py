"""Marks a migration as applied whose tables are there already, so that Prisma takes the database on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.clients.prisma import Prisma
from integrations.clients.prisma_migrations import (
    Migration,
    pre_image,
    read_files,
    read_rows,
    refuse_held_lock,
    same_checksum,
    sessions_named,
)
from integrations.clients.sql_review import Change, review
from integrations.errors import Problem

NAME = re.compile(r"\d{14}_\w+")


@register
class PrismaBaseline(Action):
    """Idempotent: Prisma refuses a second row of one name (P3008), and the probe sees the first."""

    key, title = "prisma.baseline", "Mark the first migration as applied"
    effect = Effect.IDEMPOTENT
    risky = True

    class Params(ActionForm):
        """``migration``: the folder's name, e.g. 20250922022205_init. ``may_lack``: tables which that
        migration makes and this database may lack, because the alignment makes them."""

        prisma = SystemField(kind="prisma")
        migration = forms.RegexField(NAME)
        may_lack = JSONValueField(kind=list, required=False)

    def resource(self, params: Values) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: Values) -> Preview:
        """The command, and what of the migration will *not* happen."""
        prisma = Prisma(params.prisma)
        file = _file(prisma, params.migration)
        lines = [
            prisma.shown("migrate", "resolve", "--applied", file.name),
            "Adds _prisma_migrations with one row. No other table is touched.",
        ]
        return Preview(lines, where=prisma.where, warnings=_not_done(file))

    def before(self, params: Values) -> dict[str, Any]:
        """The rows and the release as they are."""
        prisma = Prisma(params.prisma, attempt=params.context.attempt)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            return pre_image(prisma.migrations, conn, params.context.attempt)

    def run(self, params: Values, report: Report) -> Outcome:
        """Checks that the tables are there and the row is not, resolves, and reads the row back."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        file = _file(prisma, params.migration)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            _refuse_recorded(conn, file)
            lacking = _refuse_lacking(conn, file, set(params.may_lack))
        prisma.run("migrate", "resolve", "--applied", file.name)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            rows = [row for row in read_rows(conn) or () if row.name == file.name and row.finished]
        if not rows or not same_checksum(rows[-1], file):
            raise Problem(
                f"Prisma said that it marked {file.name}, but the table has no such row of this file.",
                means="The baseline cannot be relied on.",
                next="Run the Status item and compare the checksums.",
            )
        report.evidence(
            baseline={"rows": [row.facts() for row in rows], "lacking": lacking, "not_done": _not_done(file)}
        )
        lack = f" Still missing, for the alignment to make: {', '.join(lacking)}." if lacking else ""
        return Outcome(ok=True, summary=f"{file.name} is marked as applied.{lack}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Reads the table: the row is there, or it is not."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            alive = sessions_named(conn, before["application"]) if before.get("application") else []
            rows = [row for row in read_rows(conn) or () if row.name == params.migration]
        if alive:
            return Finding(Seen.STILL_RUNNING, f"Session {alive[0]} of that attempt is still there.")
        facts = {"rows": [row.facts() for row in rows]}
        if any(row.finished for row in rows):
            return Finding(Seen.DONE, f"{params.migration} is recorded as applied.", facts)
        if any(row.failed for row in rows):
            return Finding(Seen.PARTIAL, f"{params.migration} is recorded without an end.", facts)
        return Finding(Seen.NOT_DONE, f"{params.migration} is not recorded.", facts)


def _file(prisma: Prisma, name: str) -> Migration:
    files = {file.name: file for file in read_files(prisma.migrations)}
    if name not in files:
        raise Problem(
            f"The project has no migration {name}.",
            means="Prisma would refuse it (P3017). Nothing was changed.",
            next=f"It has: {', '.join(files)}. Correct migration: of this item.",
        )
    return files[name]


def _refuse_recorded(conn: Connection, file: Migration) -> None:
    if any(row.name == file.name and row.rolled_back_at is None for row in read_rows(conn) or ()):
        raise Problem(
            f"The database has a row for {file.name} already.",
            means="The baseline was made before, or the migration was applied. Nothing was changed.",
            next="See with the Status item what is recorded; then go on with the Deploy item.",
        )


def _refuse_lacking(conn: Connection, file: Migration, may_lack: set[str]) -> list[str]:
    """The migration's tables that are not there, when the runbook allows each of them to lack."""
    found = re.findall(r'CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?', file.sql)
    lacking = [
        table
        for table in found
        if (conn.execute("SELECT to_regclass(%s)", [f'"{table}"']).fetchone() or [None])[0] is None
    ]
    refused = [table for table in lacking if table not in may_lack]
    if refused:
        raise Problem(
            f"{len(lacking)} of the {len(found)} tables of {file.name} are not in the database; "
            f"not allowed to lack: {', '.join(refused)}.",
            means="Marking it as applied would hide that they are missing, or this is the wrong database. "
            "Nothing was changed.",
            next="Check the address. If the alignment is to make them, name them under may_lack: here.",
        )
    return lacking


def _not_done(file: Migration) -> list[str]:
    """The statements that change rows, which a baseline leaves out."""
    return [
        f"Not done by a baseline: {each.summary} (line {each.line}, {each.in_short()})."
        for each in review(file.sql)
        if Change.CHANGES_DATA in each.classes
    ]
