"""The clocks of HTTP systems agree with the clock of the panel's database, by their Date header."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

from integrations.clients.http import Response
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.clock_difference import SYNCHRONIZE, ClockDifference, judge_clock
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult
from integrations.preflight.start_order import find_later_start
from integrations.systems import System
from integrations.traffic.traffic_probe import marker_path

#: a Date has whole seconds (RFC 9110, 5.6.7): it may be up to a second older than it says
RESOLUTION = timedelta(seconds=1)


@preflight_check(
    "clock.http", "The clocks of HTTP systems agree with the panel's database", seconds=60, texts_shown=True
)
def check_http_clocks(scope: CheckScope) -> Iterator[CheckResult]:
    """One GET to each system that has to be up; the uncertainty is that of the answer's duration."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in scope.systems_of("http"):
        if find_later_start(scope, system.name):
            continue
        question = Question(
            f"{system.name}: clock", "the Date header of an answer, compared with our time", (system.name,)
        )
        questions.append((question, partial(_compare, scope, client, system, question)))
    yield from ask_all(scope, questions)


def _compare(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    began = scope.database_time()
    started = time.monotonic()
    try:
        reply = client.request(system["url"], marker_path(system), largest=5_000_000)
    except Problem as problem:
        yield question.unknown(f"{problem.what} {problem.means}", "See the result of http.systems.")
        return
    date = _date_of(reply)
    if date is None:
        remedy = f"Its clock cannot be seen from here: look at it on the host. {SYNCHRONIZE}"
        yield question.amber("Its answer has no Date header that can be read.", remedy)
        return
    found = ClockDifference.of(date, began, began + _seconds_since(started), resolution=RESOLUTION)
    yield judge_clock(question, found)


def _seconds_since(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)


def _date_of(reply: Response) -> datetime | None:
    """The time at which the answer was made. A cache says in Age how many seconds it has kept it."""
    try:
        found = parsedate_to_datetime(reply.headers["date"])
        kept = reply.headers.get("age", "0").strip()
        return found.astimezone(UTC) + timedelta(seconds=int(kept) if kept.isdecimal() else 0)
    except (KeyError, ValueError, TypeError):
        return None
