"""Every MySQL, MariaDB and SQLite database of the runbook can be read, and its clock is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from functools import partial

from integrations.clients import mysql, sqlite
from integrations.clients.mysql_address import MySqlAddress
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.clock_difference import ClockDifference, judge_clock
from integrations.preflight.questions import TIMEOUT, Question, ask_all
from integrations.preflight.result import CheckResult
from integrations.systems import System

QUERY = "select version(), current_user(), utc_timestamp(6)"
TABLES = "select count(*) from sqlite_master where type = 'table'"


@preflight_check(
    "mysql.reachable",
    "Every MySQL or MariaDB database answers and accepts its login",
    seconds=60,
    texts_shown=True,
)
def check_mysql(scope: CheckScope) -> Iterator[CheckResult]:
    """One query in a read-only transaction."""
    yield from ask_all(scope, _mysql_questions(scope))


def _mysql_questions(scope: CheckScope) -> Iterator[tuple[Question, Callable[[], list[CheckResult]]]]:
    for system in scope.systems_of("mysql"):
        question = Question(f"{system.name}: connection", "one query with this login", (system.name,))
        yield question, partial(_ask_mysql, scope, system, question)


def _ask_mysql(scope: CheckScope, system: System, question: Question) -> list[CheckResult]:
    before, started = scope.database_time(), time.monotonic()
    _, rows = mysql.fetch_rows(system["url"], QUERY, timeout=TIMEOUT, most=1, attempt="preflight")
    after = before + timedelta(seconds=time.monotonic() - started)
    version, login, told = rows[0]
    clock = Question(
        f"{system.name}: clock", "utc_timestamp(6), against the panel's database", (system.name,)
    )
    seen = f"{MySqlAddress.parse(system['url'])} answers: version {version}, login {login}."
    difference = ClockDifference.of(told.replace(tzinfo=UTC), before, after)
    return [question.green(seen), judge_clock(clock, difference)]


@preflight_check("sqlite.readable", "Every SQLite file can be read", texts_shown=True)
def check_sqlite(scope: CheckScope) -> Iterator[CheckResult]:
    """One query of the file's catalog."""
    yield from ask_all(scope, _sqlite_questions(scope))


def _sqlite_questions(scope: CheckScope) -> Iterator[tuple[Question, Callable[[], list[CheckResult]]]]:
    for system in scope.systems_of("sqlite"):
        question = Question(f"{system.name}: file", "its list of tables", (system.name,))
        yield question, partial(_ask_sqlite, system, question)


def _ask_sqlite(system: System, question: Question) -> list[CheckResult]:
    path = system["path"]
    _, rows = sqlite.fetch_rows(path, TABLES, timeout=TIMEOUT, most=1)
    if not rows[0][0]:
        return [
            question.red(
                f"{path} has no table.", "Correct path: of the system; an empty file proves nothing."
            )
        ]
    return [question.green(f"{path} can be read.")]
