"""The review of all that lies ahead of a database, with its rows counted once for all checks of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from integrations.clients import postgres
from integrations.errors import MissingVariable, Problem
from integrations.preflight.check import CheckScope, PlannedItem
from integrations.preflight.item_queries import READERS, read_item_queries
from integrations.preflight.pending_scripts import read_pending_scripts
from integrations.preflight.superseded import drop_superseded
from integrations.prisma.alignment import Alignment, build_alignment, draft_alignment
from integrations.prisma.cli import Prisma
from integrations.sql_review import RowCheck, ScriptReview, review_scripts
from integrations.sql_review.catalog import Catalog, Column
from integrations.sql_review.identifiers import TableName
from integrations.sql_review.parser import SqlSyntaxError, parse_query
from integrations.sql_review.row_counts import read_only_transaction
from integrations.sql_review.script_state import ScriptState
from integrations.systems import System

REHEARSES, ALIGNS, DEPLOYS = "prisma.align_rehearse", "prisma.align", "prisma.deploy"
ALIGNMENT = "the alignment"
#: For one query. All counts over one table are one scan. Ten million rows take about 5 s without JSON, and 30
#: to 40 s where json becomes jsonb. What takes longer is not known, and the check says so.
SECONDS = 40.0


#: Table → column → its shape; the schema public is left out of names.
Tables = Mapping[str, Mapping[str, Column]]


@dataclass(frozen=True)
class ReviewedChanges:
    """Every script that lies ahead (name → review), in its order.

    ``alignment`` is None where nothing has to be aligned. ``problem`` says why it cannot be built yet; then
    a draft of it was reviewed. ``accepted`` are the losses that the runbook accepts. ``diff`` is what the
    alignment is built from. ``before`` and ``after`` have the columns of every table and view.
    ``refused_queries``: query of an item → why the server refuses it after everything that lies ahead, ""
    where it takes it. ``examples``: query of a check → keys of some of its rows. ``time_zone`` is that of
    the session that migrates.
    """

    reviews: Mapping[str, ScriptReview]
    alignment: Alignment | None = None
    problem: Problem | None = None
    accepted: frozenset[str] = frozenset()
    diff: str = ""
    before: Tables = field(default_factory=dict)
    after: Tables = field(default_factory=dict)
    refused_queries: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    time_zone: str = "UTC"

    def keys_of(self, check: RowCheck) -> Sequence[str]:
        """Keys of some of the rows that a check counted, such as “id=7”."""
        return self.examples.get(check.examples, ())


def project_database(project: System) -> System:
    """The database of a Prisma project, as a system of kind postgres with the project's name."""
    return System(project.name, "postgres", {"url": project.settings["database"]}, project.environ)


def items_of_project(scope: CheckScope, project: System, *actions: str) -> list[PlannedItem]:
    """The items that do one of these actions with this project."""
    return [item for item in scope.items_of(*actions) if item.params.get("prisma") == project.name]


def find_rehearsal(scope: CheckScope, project: System) -> PlannedItem | None:
    """The item whose decisions apply to production: the one that ``prisma.align`` names, else the last."""
    rehearsals = items_of_project(scope, project, REHEARSES)
    named = {item.params.get("rehearsal") for item in items_of_project(scope, project, ALIGNS)}
    return next((each for each in rehearsals if each.key in named), rehearsals[-1] if rehearsals else None)


def read_reviewed_changes(scope: CheckScope, project: System) -> ReviewedChanges:
    """The changes of one project, reviewed and counted once a run. Raises `Problem`."""
    return scope.once.get(("reviewed changes", project.name), lambda: _review(scope, project))


def _review(scope: CheckScope, project: System) -> ReviewedChanges:
    pending = read_pending_scripts(scope, project)
    migrations = [each for each in pending if not each.is_diff]
    scripts, alignment, problem = {each.name: each.sql for each in migrations}, None, None
    diff, rehearsal = "", find_rehearsal(scope, project)
    params = scope.systems.fill_variables(dict(rehearsal.params)) if rehearsal else {}
    if items_of_project(scope, project, REHEARSES, ALIGNS):
        diff = drop_superseded(next((each.sql for each in pending if each.is_diff), ""), migrations)
    with scope.database(project_database(project)) as connection:
        if diff:
            alignment, problem = _align(project, diff, params, connection)
            scripts[ALIGNMENT] = alignment.sql if alignment else diff
        before = read_tables(connection)
        state = ScriptState(Catalog(connection))
        reviews = review_scripts(scripts, connection, seconds=SECONDS, state=state)
        checks = [check for review in reviews.values() for each in review for check in each.checks]
        row = connection.execute("SHOW timezone").fetchone()
        return ReviewedChanges(
            reviews,
            alignment,
            problem,
            frozenset(map(str, params.get("may_lose") or ())),
            diff,
            before,
            _tables_after(state, before),
            {query: _find_refusal(state, query) for query in find_queries(scope, project)},
            _read_examples(connection, checks),
            str(row[0]) if row else "UTC",
        )


RELATIONS = """
SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""


def read_tables(connection: postgres.Connection) -> Tables:
    """Every table and view of a database with its columns."""
    catalog = Catalog(connection)
    return {
        TableName(schema, name).shorten(): {column.name: column for column in catalog.read_columns(oid)}
        for schema, name, oid in catalog.query(RELATIONS)
    }


def _tables_after(state: ScriptState, before: Tables) -> Tables:
    """The tables as the scripts leave them; of tables that they do not touch, as they are."""
    gone = {name.shorten() for name, table in state.tables.items() if table is None}
    left = {str(table): dict(table.columns) for table in state.tables.values() if table is not None}
    return {name: columns for name, columns in {**before, **left}.items() if name not in gone or name in left}


def find_queries(scope: CheckScope, project: System) -> list[str]:
    """The queries of items that ask the project's database, each once."""
    found: dict[str, None] = {}
    for item in scope.items_of(*READERS):
        system = scope.systems.get(str(item.params.get("database", "")))
        if system is None or not is_same_database(system, project_database(project)):
            continue
        with suppress(MissingVariable):  # the check of queries tells it
            found |= dict.fromkeys(query for _, query in read_item_queries(scope, item))
    return list(found)


def is_same_database(one: System, other: System) -> bool:
    """Whether two systems are the same database, whatever their logins are."""
    if one.kind != other.kind:
        return False
    try:
        return postgres.address(one["url"]) == postgres.address(other["url"])
    except Problem:
        return False


def _find_refusal(state: ScriptState, query: str) -> str:
    """Why the server refuses a query over the tables as the scripts leave them; "" where it takes it."""
    try:
        rendered = state.render(parse_query(query))
    except (SqlSyntaxError, ValueError, KeyError) as error:
        return str(error)
    return state.catalog.refusal(rendered.sql)


def _align(
    project: System, diff: str, params: Mapping[str, Any], connection: postgres.Connection
) -> tuple[Alignment | None, Problem | None]:
    """The alignment as it would be built now; where it cannot be, a draft of it and the reason."""
    is_explicit = Prisma(project).engine == "adapter"
    defaults: Mapping[str, str] = params.get("defaults") or {}
    try:
        return build_alignment(
            diff,
            connection,
            defaults=defaults,
            may_lose=params.get("may_lose") or (),
            explicit_transaction=is_explicit,
        ), None
    except Problem as problem:
        try:
            draft = draft_alignment(diff, connection, defaults=defaults, explicit_transaction=is_explicit)
        except Problem:
            return None, problem  # the diff is no SQL
        return draft, problem


def _read_examples(connection: postgres.Connection, checks: Iterable[RowCheck]) -> dict[str, list[str]]:
    """Keys of rows that were counted; none where they cannot be had in time."""
    wanted = {check.examples for check in checks if check.count and check.examples}
    found: dict[str, list[str]] = {}
    with read_only_transaction(connection, SECONDS):
        for query in sorted(wanted):
            try:
                with connection.transaction():
                    rows = connection.execute(query.encode()).fetchall()
            except psycopg.Error:
                continue  # the number is known; the keys only help to find the rows
            found[query] = [str(key) for (key,) in rows]
    return found
