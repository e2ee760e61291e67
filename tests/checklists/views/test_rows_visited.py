"""Pages read what they show: a long runbook must not make PostgreSQL visit its rows again and again.

The rows of a cutover that was just opened have no statistics, or those of the time before it: PostgreSQL
guesses how many there are, and may choose a plan that compares every row with every other. Times depend on
the machine; the rows that were visited do not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from checklists.states import AttemptStatus
from tests.by_hand import by_hand
from tests.checklists.histories import ended
from tests.checklists.sized import make_busy_night

pytestmark = pytest.mark.django_db

ITEMS = 500
PAGES = ("", "gates/g0/", "/waiting/")
MOST = 150  # rows that one query may visit for each item of the runbook
#: The same of two queries that ask of the evidence of all items. To what the signatures of every gate are
#: bound: without statistics, its functions of a single item read the items of the cutover for each item of
#: the evidence. And what was observed later: it may then compare each topic with each other one. Alone this
#: test sees 0.7 and 0.07 million rows; in a database that the whole suite has used, whose files are larger,
#: it saw 1.1 and 0.5 million. Every row compared with every other would be 19 million.
OF_ALL_EVIDENCE = 5000
ABOUT_ALL_EVIDENCE = ("checklists_gate_content", "checklists_later(")
#: (pages, rows) that PostgreSQL believes: never counted, or counted before anything had happened.
NEVER, EMPTY, SOME_PEOPLE = (0, -1.0), (1, 0.0), (1, 20.0)
STATISTICS = (
    {"checklists": NEVER, "people": NEVER},
    {"checklists": EMPTY, "people": EMPTY},
    {"checklists": EMPTY, "people": SOME_PEOPLE},
)
OF_TABLES = "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables"


def rows_visited(plan: dict[str, Any]) -> float:
    """The rows that a plan looked at: those that it kept, and those that it compared and threw away."""
    removed = sum(count for name, count in plan.items() if name.startswith("Rows Removed by"))
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return own + sum(rows_visited(one) for one in plan.get("Plans", ()))


class Visits:
    """Explains each query of the panel in place of a stopwatch; ``found`` is (rows visited, SQL)."""

    def __init__(self) -> None:
        self.found: list[tuple[float, str]] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")) and "FOR UPDATE" not in sql:
            with context["connection"].connection.cursor() as cursor:
                before = cursor.execute(OF_TABLES).fetchone()[0]
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) {sql}", params)
                found = cursor.fetchone()[0]
                plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                inside = cursor.execute(OF_TABLES).fetchone()[0] - before  # of functions, too
            self.found.append((max(rows_visited(plan), float(inside)), sql))
        return execute(sql, params, many, context)


def believe(tables: str, pages: int, rows: float) -> None:
    """The statistics that PostgreSQL has of the tables of that pattern; -1 rows: they were never made.

    Nothing is known of their columns.
    """
    of_tables = "FROM pg_class WHERE relkind = 'r' AND relname LIKE %s"
    with by_hand(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', relname::text,"
            f" 'relpages', %s::integer, 'reltuples', %s::real) {of_tables}",
            [pages, rows, tables],
        )
        cursor.execute(
            f"DELETE FROM pg_statistic WHERE starelid IN (SELECT oid {of_tables})",
            [tables],
        )


def visit(client: Client, address: str) -> list[tuple[float, str]]:
    """The queries of a page that visited too many rows."""
    visits = Visits()
    with connection.execute_wrapper(visits):
        assert client.get(address).status_code == 200
    assert len(visits.found) > 10, "nothing was explained"
    return [(rows, sql[:600]) for rows, sql in visits.found if rows > most_rows(sql) * ITEMS]


def most_rows(sql: str) -> int:
    """How many rows that query may visit for each item."""
    return OF_ALL_EVIDENCE if any(name in sql for name in ABOUT_ALL_EVIDENCE) else MOST


@pytest.mark.timeout(600)
def test_without_statistics_no_query_compares_every_row_with_every_other(browser_of) -> None:
    """Which statistics there are is said here: those that earlier tests left depend on their order."""
    cutover = make_busy_night(ITEMS)
    ended(cutover, "i3-2", AttemptStatus.FAILED)  # contradicts what the same check found before
    ama, base = browser_of("ama"), cutover.get_absolute_url()
    addresses = [path if path.startswith("/") else base + path for path in PAGES]
    for statistics in STATISTICS:
        believe("checklists%", *statistics["checklists"])
        believe("auth_user", *statistics["people"])
        assert [found for address in addresses for found in visit(ama, address)] == [], statistics
