"""Nothing depends on the columns and tables that pending scripts change, or the scripts provide for it."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import PlannedDatabase, ask_databases
from integrations.preflight.pending_scripts import (
    WITH_SCRIPTS,
    ChangedColumn,
    find_changed_columns,
    find_dropped_names,
    migrating_projects,
    read_pending_scripts,
)
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult
from integrations.sql_review.altered_types import BLOCKING
from integrations.sql_review.catalog import Catalog
from integrations.sql_review.dependents import Dependent, find_column_dependents, find_dependents

#: what to do about a dependent, by its kind
REMEDIES = {
    "view": "keep its definition (pg_get_viewdef) and grants, drop it before the item, create it afterwards",
    "rule": "keep its definition (pg_get_ruledef), drop it before the item, create it afterwards",
    "trigger": "keep its definition (pg_get_triggerdef), drop it before the item, create it afterwards",
    "policy": "keep it (pg_policies), drop it before the item, create it afterwards",
    "generated": "drop the generated column before the item, and add it again, or give it to the datamodel",
    "publication": "take the table out of it (ALTER PUBLICATION … DROP TABLE), and add it again afterwards",
    "constraint": "drop it before the item, and add it afterwards, or put it into the datamodel",
    "other": "drop it before the item, and create it afterwards",
}


@preflight_check(
    "postgres.dependents",
    "Nothing stands in the way of the columns that scripts change",
    seconds=WITH_SCRIPTS,
    texts_shown=True,
)
def check_dependents(scope: CheckScope) -> Iterator[CheckResult]:
    """pg_depend of every column whose type a pending script changes, or that it drops."""

    def check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        for project in migrating_projects(scope):
            if project.name in database.systems:
                question = database.question("dependent objects", f"pg_depend, for scripts of {project.name}")
                try:
                    scripts = read_pending_scripts(scope, project)
                except Problem as problem:
                    change = problem.next or "Remove the cause, then check again."
                    yield question.unknown(
                        f"Which columns change is not known: {problem.what} {problem.means}", change
                    )
                    continue
                changes = find_changed_columns(scripts)
                dropped = find_dropped_names(scripts)
                yield from _check_changes(Catalog(connection), database, question, changes, dropped)

    yield from ask_databases(scope, "dependent objects", check, DatabaseUse.MIGRATE)


def _check_changes(
    catalog: Catalog,
    database: PlannedDatabase,
    green: Question,
    changes: list[ChangedColumn],
    dropped: set[str],
) -> Iterator[CheckResult]:
    found: dict[str, list[tuple[ChangedColumn, Dependent]]] = {}
    for change in changes:
        for dependent in _find(catalog, change):
            if not _is_dropped(dependent, dropped):
                found.setdefault(dependent.description, []).append((change, dependent))
    yield from (_result(database, name, each) for name, each in found.items())
    if not found:
        yield green.green(f"No object depends on the {len(changes)} columns and tables that change.")


def _find(catalog: Catalog, change: ChangedColumn) -> list[Dependent]:
    """What the change would meet; nothing where the table is not there yet."""
    relation = catalog.find_relation(change.schema, change.table)
    if relation is None:
        return []
    if not change.column:
        users = find_dependents(catalog, "pg_class", relation.oid)
        return [each for each in users if each.kind in ("view", "rule") and not each.is_own]
    return [
        each for each in find_column_dependents(catalog, relation.oid, change.column) if _meets(each, change)
    ]


def _meets(dependent: Dependent, change: ChangedColumn) -> bool:
    """A column of another type takes constraints and indexes along; one that goes takes its own with it."""
    if change.is_dropped:
        return not (dependent.is_own and dependent.kind in ("constraint", "other"))
    return dependent.kind in BLOCKING or dependent.description.startswith(("function ", "procedure "))


def _is_dropped(dependent: Dependent, dropped: set[str]) -> bool:
    """Whether the scripts drop it themselves, by the name in “view seen” or “trigger t on table x”."""
    words = dependent.description.split(" ")
    names = {word.strip('"').rpartition(".")[2] for word in words[1:3]}
    return dependent.kind != "generated" and bool(names & dropped)


def _result(
    database: PlannedDatabase, name: str, found: list[tuple[ChangedColumn, Dependent]]
) -> CheckResult:
    kind = found[0][1].kind
    columns = ", ".join(
        f"{change.label} ({'dropped' if change.is_dropped else 'type'})" for change, _ in found
    )
    where = "; ".join(dict.fromkeys(f"{change.script}, line {change.line}" for change, _ in found))
    question = database.question(f"{name}", "whether it depends on a column that a pending script changes")
    return question.red(
        f"It depends on {columns}: PostgreSQL refuses the statement ({where}).",
        f"{name}: {REMEDIES[kind]}.",
    )
