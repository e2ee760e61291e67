"""Decisions of the runbook about a migration match it: accepted losses, values, tables and names."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from integrations.errors import Problem
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import REHEARSES, items_of_project, read_reviewed_changes
from integrations.prisma.alignment import find_touched_columns
from integrations.prisma.cli import Prisma
from integrations.prisma.diff_script import find_losses, parse_diff
from integrations.prisma.migrations import read_migration_files
from integrations.prisma.seeds import find_seeded_tables
from integrations.sql_review.created_tables import find_created_tables
from integrations.sql_review.parser import SqlSyntaxError
from integrations.systems import System


@preflight_check("rules.decisions", "Decisions about the migration match the migration", seconds=100)
def check_decisions(scope: CheckScope) -> Iterator[CheckResult]:
    """Compares names in the items of each project with its files, and with the diff to its datamodel."""
    for project in migrating_projects(scope):
        files = {file.name: file for file in read_migration_files(Prisma(project).migrations)}
        for item in items_of_project(scope, project, "prisma.present"):
            yield from _check(
                project, item, "migrations", _names(item, "migrations"), files, "the project has"
            )
            named = [files[name] for name in _names(item, "migrations") if name in files]
            seeded = find_seeded_tables(named) if item.params.get("seeds") else []
            yield from _check(project, item, "seeds", _names(item, "seeds"), seeded, "these migrations fill")
        for item in items_of_project(scope, project, "prisma.baseline"):
            file = files.get(str(item.params.get("migration", "")))
            yield from _check_lacking(project, item, file.sql if file else "")
        yield from _check_alignment(scope, project)


def _check_lacking(project: System, item: PlannedItem, script: str) -> Iterator[CheckResult]:
    """``may_lack`` of a baseline: tables that its migration creates."""
    try:
        created = find_created_tables(script, "public")
    except SqlSyntaxError:
        return  # prisma.migrations tells it
    given = _names(item, "may_lack")
    known = [name for name in given if any(table.is_called(name, "public") for table in created)]
    known += [table.shorten() for table in created]
    yield from _check(project, item, "may_lack", given, known, "its migration creates")


def _check_alignment(scope: CheckScope, project: System) -> Iterator[CheckResult]:
    """``may_lose`` and ``defaults`` of every rehearsal: what the diff drops, and what it touches."""
    rehearsals = items_of_project(scope, project, REHEARSES)
    if not any(_names(item, "may_lose") or _names(item, "defaults") for item in rehearsals):
        return
    diff = read_reviewed_changes(scope, project).diff
    try:
        statements = parse_diff(diff) if diff else []
    except Problem:
        return  # data.fits tells it
    for item in rehearsals:
        losses = find_losses(statements)
        yield from _check(project, item, "may_lose", _names(item, "may_lose"), losses, "the diff drops")
        touched = find_touched_columns(statements)
        yield from _check(project, item, "defaults", _names(item, "defaults"), touched, "the diff touches")


def _names(item: PlannedItem, parameter: str) -> list[str]:
    """The names in a list, or the keys of a mapping."""
    return [str(each) for each in item.params.get(parameter) or ()]


def _check(
    project: System,
    item: PlannedItem,
    parameter: str,
    given: list[str],
    known: Collection[str],
    which: str,
) -> Iterator[CheckResult]:
    """One red result for each name that matches nothing; one green result where all match."""
    systems, items = (project.name,), (item.key,)
    is_mapping = isinstance(item.params.get(parameter), dict)
    for number, name in enumerate(given):
        if name in known:
            continue
        place = f"{parameter}.{name}" if is_mapping else f"{parameter}[{number}]"
        yield CheckResult(
            f"{item.key}: {place}",
            Verdict.RED,
            f"Does {name} (entry {number + 1} of {parameter} of “{item.key}”) match something?",
            f"{name} matches nothing: {which} {', '.join(sorted(known)) or 'nothing'}.",
            f"Correct {place} of “{item.key}” in the runbook, or take it out.",
            systems,
            items,
        )
    if given and set(given) <= set(known):
        asked = f"Does each entry of {parameter} of “{item.key}” match something?"
        yield CheckResult(
            f"{item.key}: {parameter}", Verdict.GREEN, asked, f"Yes: {', '.join(given)}.", "", systems, items
        )
