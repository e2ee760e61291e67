"""Queries of the runbook fit the tables: the server takes them now, or after the migration."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.item_queries import READERS, read_item_queries
from integrations.preflight.item_tables import judge_each, read_item_tables
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import read_reviewed_changes
from integrations.sql_review.catalog import Catalog
from integrations.systems import System


@preflight_check("rules.queries", "Queries of items name tables and columns that exist", seconds=100)
def check_queries(scope: CheckScope) -> Iterator[CheckResult]:
    """Lets the server plan each query without running it; what a migration makes first is taken as made."""
    yield from judge_each(scope, READERS, _judge_item)


def _judge_item(scope: CheckScope, item: PlannedItem) -> Iterator[CheckResult]:
    for place, query in read_item_queries(scope, item):
        tables = read_item_tables(scope, item)
        if tables is not None:
            yield from _judge(scope, item, place, query, tables.system, tables.project)


def _judge(
    scope: CheckScope, item: PlannedItem, place: str, query: str, system: System, project: System | None
) -> Iterator[CheckResult]:
    subject, systems, items = f"{item.key}: {place}", (system.name,), (item.key,)
    asked = f"Does the server take {place} of “{item.key}”, without running it?"
    with scope.database(system) as connection:
        refused = Catalog(connection).refusal(query)
    later = read_reviewed_changes(scope, project).refused_queries.get(query, refused) if project else refused
    if refused and later:
        seen = f"The runbook assumes what is not there, now or after the migration: {later}."
        change = f"Correct {place} of “{item.key}” in the runbook."
        yield CheckResult(subject, Verdict.RED, asked, seen, change, systems, items)
    else:
        seen = "Yes, as the database is now." if not refused else "Yes, after the migration."
        yield CheckResult(subject, Verdict.GREEN, asked, seen, "", systems, items)
