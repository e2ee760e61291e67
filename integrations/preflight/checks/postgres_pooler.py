"""No connection pooler stands between the panel and a database whose sessions matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from integrations.clients import postgres
from integrations.clients.postgres_pooling import Pooling
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.databases import PlannedLogin, login_question, planned_logins
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult

ASKED = "whether the server itself answers the login, and whether two clients meet in one session"
DIRECT = "Give this system the direct address of the PostgreSQL server."


@preflight_check(
    "postgres.pooler", "Databases are reached directly, not through a pooler", seconds=60, texts_shown=True
)
def check_poolers(scope: CheckScope) -> Iterator[CheckResult]:
    """One connection for each login, and a second one where the first was not answered by the server."""
    yield from ask_all(scope, _questions(scope))


def _questions(scope: CheckScope) -> Iterator[tuple[Question, Callable[[], list[CheckResult]]]]:
    for login in planned_logins(scope):
        question = login_question(login, "pooler", ASKED)
        yield question, partial(_look, question, login)


def _look(question: Question, login: PlannedLogin) -> list[CheckResult]:
    try:
        pooling = postgres.find_pooling_of(login.url)
    except Problem:
        return [
            question.unknown("Not asked: it gets no connection.", "See the result of postgres.reachable.")
        ]
    if pooling is Pooling.NONE:
        return [question.green("The server itself answers.")]
    if pooling is Pooling.SESSION:
        seen = (
            "Something between answers the login: a pooler. Two sessions of ours were kept apart, as in "
            "session mode. Cancels, the names of sessions and the server's limits may still not be ours."
        )
        return [question.amber(seen, f"{DIRECT} Or make sure that it pools whole sessions.")]
    seen = (
        "A connection pooler hands statements of several clients to one session. There, session locks "
        "(Prisma's lock of migrations), SET, LISTEN, temporary tables, prepared statements and exported "
        "snapshots (pg_dump) do not hold, and what one client sets changes the next one's statements."
    )
    return [question.red(seen, DIRECT)]
