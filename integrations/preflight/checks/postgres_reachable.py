"""Every PostgreSQL database answers and accepts its login, at each of the hosts in its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from psycopg import conninfo

from integrations.clients import postgres
from integrations.errors import Problem, Unreachable
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.checks.http_systems import NOTHING_TO_DO
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import (
    PlannedLogin,
    find_later_item,
    login_question,
    planned_logins,
    unreadable_systems,
)
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult

ASKED = "whether it answers and accepts this login"


@preflight_check(
    "postgres.reachable",
    "Every PostgreSQL database answers and accepts its login",
    seconds=60,
    texts_shown=True,
)
def check_reachable(scope: CheckScope) -> Iterator[CheckResult]:
    """One connection for each login and host."""
    for system, problem in unreadable_systems(scope):
        yield Question(f"{system.name}: address", "the address of the database", (system.name,)).explain(
            problem
        )
    yield from ask_all(scope, _questions(scope))


def _questions(scope: CheckScope) -> Iterator[tuple[Question, Callable[[], list[CheckResult]]]]:
    for login in planned_logins(scope):
        for host in single_hosts(login.url):
            about = "connection" if host == login.url else f"connection to {postgres.address(host)}"
            question = login_question(login, about, ASKED)
            yield question, partial(_connect, scope, question, host, login)


def single_hosts(url: str) -> list[str]:
    """The addresses of all hosts in an address, in libpq's form; the address itself where there is one."""
    settings = postgres.connection_settings(url)
    hosts, ports = settings.get("host", "").split(","), settings.get("port", "").split(",")
    if len(hosts) == 1:
        return [url]
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    rest = {
        name: value for name, value in settings.items() if name not in ("hostaddr", "target_session_attrs")
    }
    return [
        conninfo.make_conninfo(**{**rest, "host": host, "port": port or "5432"})
        for host, port in zip(hosts, ports, strict=False)
    ]


def _connect(scope: CheckScope, question: Question, url: str, login: PlannedLogin) -> list[CheckResult]:
    try:
        with postgres.explain_errors(url), postgres.connect(url, attempt="preflight") as connection:
            found = postgres.read_identity(connection)
    except Unreachable as problem:
        return [_refused(scope, question, login, problem)]
    seen = f"PostgreSQL {found['version']} answers: database {found['database']}, role {found['user']}."
    return [question.green(seen)]


def _refused(scope: CheckScope, question: Question, login: PlannedLogin, problem: Problem) -> CheckResult:
    if set(login.uses) == {DatabaseUse.BE_REVOKED}:
        return question.green(f"{problem.what} It only serves to check that it is refused.")
    later = find_later_item(scope, login)
    if later:
        seen = f"{problem.what} The item “{later}” starts it, and has not succeeded yet."
        return question.amber(seen, NOTHING_TO_DO)
    return question.explain(problem)
