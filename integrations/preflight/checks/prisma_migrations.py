"""The migration table and the project's files belong together, and nothing stops the next deployment."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import (
    find_rehearsal,
    items_of_project,
    project_database,
    read_reviewed_changes,
)
from integrations.prisma.cli import Prisma
from integrations.prisma.migrations import (
    MigrationState,
    find_lock_holders,
    read_migration_state,
)
from integrations.sql_review.created_tables import find_created_tables
from integrations.sql_review.parser import SqlSyntaxError
from integrations.systems import System

CHECK_OUT = "Check out the release that was applied here: the files of a migration never change afterwards."
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"


@preflight_check("prisma.migrations", "Migrations and their table belong together", seconds=20)
def check_migrations(scope: CheckScope) -> Iterator[CheckResult]:
    """Compares `_prisma_migrations` with the files, and looks for who holds Prisma's lock."""
    for project in migrating_projects(scope):
        folder = Prisma(project).migrations
        with scope.database(project_database(project)) as connection:
            state, holders = read_migration_state(folder, connection), find_lock_holders(connection)
            (tables,) = connection.execute(TABLES).fetchone() or (0,)
            schema = str((connection.execute("SELECT current_schema()").fetchone() or ["public"])[0])
            known = {str(name) for (name,) in connection.execute("SELECT tablename FROM pg_tables")}
        found = [
            *_find_defects(scope, project, state, tables),
            *_check_baseline(scope, project, state, known, schema),
        ]
        if holders:
            seen = f"{', '.join(map(str, holders))} holds it: a deployment would give up after 10 s (P1002)."
            change = "Find out whose session it is, and end it before the window if nobody needs it."
            found.append(_red(project, "lock", "Is Prisma's migration lock free?", seen, change))
        yield from found
        if not found:
            pending = ", ".join(file.name for file in state.pending) or "none"
            seen = f"{state.summarize()}. To come: {pending}."
            yield CheckResult(
                f"{project.name}: migrations", Verdict.GREEN, _ASKED, seen, systems=(project.name,)
            )


_ASKED = "Do the rows of _prisma_migrations and the project's files belong together?"


def _find_defects(
    scope: CheckScope, project: System, state: MigrationState, tables: int
) -> Iterator[CheckResult]:
    if state.rows is None and tables and not items_of_project(scope, project, "prisma.baseline"):
        seen = f"The database has {tables} tables and no _prisma_migrations: Prisma would refuse it (P3005)."
        change = "Add an item that marks the first migration as applied (prisma.baseline)."
        yield _red(project, "baseline", "Was this database ever baselined?", seen, change)
    for name in state.failed:
        seen = f"{name} began and has no end: the next deployment would stop with P3009."
        change = "Find out what of it is there, then mark it as applied or rolled back (migrate resolve)."
        yield _red(project, name, _ASKED, seen, change)
    for name in state.changed:
        seen = f"The file of {name} is no longer the one that was applied: its checksum is another."
        yield _red(project, name, _ASKED, seen, CHECK_OUT)
    for name in state.missing:
        seen = f"{name} is applied here, and the project does not have it: it is of another release."
        yield _red(project, name, _ASKED, seen, CHECK_OUT)


def _check_baseline(
    scope: CheckScope, project: System, state: MigrationState, tables: set[str], schema: str
) -> Iterator[CheckResult]:
    """The migration that an item marks as applied: it has to be there, and its tables as well."""
    files = {file.name: file for file in state.files}
    for item in items_of_project(scope, project, "prisma.baseline"):
        name = str(item.params.get("migration", ""))
        asked = f"Can “{item.key}” mark {name} as applied?"
        if name not in files:
            seen = f"The project has no such migration; it has {', '.join(files) or 'none'}."
            yield _red(
                project, f"baseline {name}", asked, seen, f"Correct migration: of {item.key}.", item.key
            )
            continue
        if name in state.applied:
            continue
        try:
            created = find_created_tables(files[name].sql, schema)
        except SqlSyntaxError as error:
            change = "Compare the file with the release."
            yield _red(project, f"baseline {name}", asked, f"It is no SQL: {error}.", change, item.key)
            continue
        allowed = [str(each) for each in item.params.get("may_lack") or ()]
        lacking = [
            table.shorten(schema)
            for table in created
            if table.name not in tables and not any(table.is_called(each, schema) for each in allowed)
        ]
        if lacking:
            seen = f"{len(lacking)} of its {len(created)} tables are not here: {', '.join(lacking)}."
            change = (
                f"Check the address; if the alignment makes them, name them under may_lack: of {item.key}."
            )
            yield _red(project, f"baseline {name}", asked, seen, change, item.key)


@preflight_check("prisma.alignment", "The alignment can be built", seconds=100)
def check_alignment(scope: CheckScope) -> Iterator[CheckResult]:
    """Builds the alignment from the diff, with the decisions of the item that rehearses it."""
    for project in migrating_projects(scope):
        rehearsal = find_rehearsal(scope, project)
        if rehearsal is None:
            continue
        subject, asked = f"{project.name}: alignment", "Does the runbook decide all that the alignment needs?"
        changes = read_reviewed_changes(scope, project)
        if changes.problem is not None:
            seen = f"{changes.problem.what} {changes.problem.means}"
            yield _red(project, "alignment", asked, seen, changes.problem.next, rehearsal.key)
            continue
        seen = "Nothing has to be aligned."
        if changes.alignment is not None:
            alignment = changes.alignment
            losses = ", ".join(alignment.losses) or "nothing"
            seen = f"Yes: {len(alignment.backfills)} back-fills; it drops {losses}, as accepted."
        systems, items = (project.name,), (rehearsal.key,)
        yield CheckResult(subject, Verdict.GREEN, asked, seen, "", systems, items)


def _red(project: System, subject: str, asked: str, seen: str, change: str, *items: str) -> CheckResult:
    return CheckResult(
        f"{project.name}: {subject}", Verdict.RED, asked, seen, change, (project.name,), tuple(items)
    )
