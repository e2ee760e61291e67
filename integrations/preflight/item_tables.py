"""The tables that an item works with: those of its database now, and after all that lies ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from integrations.errors import MissingVariable
from integrations.preflight.check import CheckScope, PlannedItem
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import (
    Tables,
    is_same_database,
    project_database,
    read_reviewed_changes,
    read_tables,
)
from integrations.systems import System

DATABASES = ("database", "source")  # the parameters that name the database of an item
PROJECTS = ("prisma", "datamodel")
#: Prisma's own table, which its first command makes.
OWN_TABLE = "_prisma_migrations"
MIGRATES = ("prisma.baseline", "prisma.deploy")


@dataclass(frozen=True)
class ItemTables:
    """Tables before and afterwards. ``project`` is the Prisma project that migrates them, if one does;
    ``system`` the database as the item connects to it."""

    system: System
    before: Tables
    after: Tables
    project: System | None = None


def judge_each(
    scope: CheckScope,
    actions: Iterable[str],
    judge: Callable[[CheckScope, PlannedItem], Iterator[CheckResult]],
) -> Iterator[CheckResult]:
    """The results about each item of these actions. A variable that is not set hides its own item only."""
    for item in scope.items_of(*actions):
        scope.raise_if_cancelled()
        try:
            yield from judge(scope, item)
        except MissingVariable as problem:
            asked = f"Do the names in the parameters of “{item.key}” match something?"
            seen = f"Not known: {problem.what}"
            change = problem.next
            yield CheckResult(f"{item.key}: variables", Verdict.UNKNOWN, asked, seen, change, (), (item.key,))


def read_item_tables(scope: CheckScope, item: PlannedItem) -> ItemTables | None:
    """The tables of the item's database; None where it names no database. Raises `Problem`."""
    system = _find_system(scope, item)
    if system is None:
        return None
    target = scope.systems.get(str(item.params.get("target", "")))
    project = next(
        (p for p in migrating_projects(scope) if is_same_database(project_database(p), system)), None
    )
    if project is not None:
        changes = read_reviewed_changes(scope, project)
        after = dict(changes.after)
        if scope.items_of(*MIGRATES):
            after.setdefault(OWN_TABLE, {})
        return ItemTables(system, changes.before, after, project)
    before = read_live_tables(scope, system)
    has_other = target is not None and target.kind == "postgres"
    return ItemTables(system, before, read_live_tables(scope, target) if target and has_other else before)


def read_live_tables(scope: CheckScope, system: System) -> Tables:
    """The tables of a database as they are, read once a run. Raises `Problem`."""

    def read() -> Tables:
        with scope.database(system) as connection:
            return read_tables(connection)

    return scope.once.get(("tables", system.name), read)


def _find_system(scope: CheckScope, item: PlannedItem) -> System | None:
    for parameter in (*DATABASES, *PROJECTS):
        system = scope.systems.get(str(item.params.get(parameter, "")))
        if system is not None and system.kind == "postgres":
            return system
        if system is not None and system.kind == "prisma":
            return project_database(system)
    return None
