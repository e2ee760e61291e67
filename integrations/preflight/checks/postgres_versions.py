"""The servers' versions suit the comparison, pg_dump and pg_restore, and each other."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients import pgtools, postgres
from integrations.clients.pgtools import Tools
from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.parity.server.snapshot import OLDEST_VERSION
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import (
    PlannedDatabase,
    PlannedLogin,
    ask_databases,
    login_question,
    planned_databases,
    unreachable_reason,
)
from integrations.preflight.result import CheckResult

OLDEST = OLDEST_VERSION // 10000


@preflight_check(
    "postgres.versions", "The versions of servers and tools suit each other", seconds=30, texts_shown=True
)
def check_versions(scope: CheckScope) -> Iterator[CheckResult]:
    """The version of each server; pg_dump and pg_restore are started with --version."""
    majors: dict[str, int] = {}

    def check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        version = connection.info.parameter_status("server_version") or ""
        major = majors[database.address] = pgtools.server_major_version(connection)
        question = database.question("version", "the version of the server")
        if major < OLDEST:
            seen = f"PostgreSQL {version}; the comparison needs {OLDEST} or later."
            yield question.red(seen, f"Upgrade the server to PostgreSQL {OLDEST} or later.")
        else:
            yield question.green(f"PostgreSQL {version}.")

    yield from ask_databases(scope, "version", check)
    databases = [each for each in planned_databases(scope) if each.address in majors]
    sources = [each for each in databases if each.needs(DatabaseUse.BACK_UP)]
    copies = [each for each in databases if each.needs(DatabaseUse.KEEP_COPIES)]
    for source in sources:
        yield from _check_tools(scope, source, copies, majors)
        for copy in copies:
            yield from _compare_majors(source, copy, majors)


def _check_tools(
    scope: CheckScope, source: PlannedDatabase, copies: list[PlannedDatabase], majors: dict[str, int]
) -> Iterator[CheckResult]:
    """pg_dump for the source, and a pg_restore for each other server that reads what it writes."""
    login = source.login_for(DatabaseUse.BACK_UP)
    assert login is not None
    question = login_question(login, "pg_dump", "a pg_dump on the worker that suits the server")
    try:
        tools = _choose(login, majors[source.address])
    except Problem as problem:
        yield question.explain(problem)
        return
    yield question.green(f"pg_dump {tools.version} ({tools.folder}) suits the server.")
    for target in [*copies, *([source] if source.needs(DatabaseUse.RESTORE_OVER) else [])]:
        restores = target.login_for(DatabaseUse.RESTORE_OVER, DatabaseUse.KEEP_COPIES)
        if restores is None or unreachable_reason(scope, restores) is not None:
            continue
        about = login_question(restores, "pg_restore", "a pg_restore on the worker that suits the server")
        try:
            found = _choose(restores, majors[target.address], archive=tools.major)
            yield about.green(f"pg_restore {found.version} ({found.folder}) suits the server.")
        except Problem as problem:
            yield about.explain(problem)


def _choose(login: PlannedLogin, server: int, *, archive: int = 0) -> Tools:
    sslmode = postgres.connection_settings(login.url).get("sslmode", "")
    return pgtools.choose(server, configured=login.system.get("bin"), sslmode=sslmode, archive=archive)


def _compare_majors(
    source: PlannedDatabase, copy: PlannedDatabase, majors: dict[str, int]
) -> Iterator[CheckResult]:
    """A copy on another version shows less: it plans, locks and casts differently."""
    old, new = majors[source.address], majors[copy.address]
    question = copy.question(f"version, compared with {source.address}", "whether both are the same")
    if new < old:
        seen = f"PostgreSQL {new}, and production is {old}: a dump of {old} need not be readable there."
        yield question.red(seen, f"Take a server of PostgreSQL {old} for the copies.")
    elif new > old:
        seen = f"PostgreSQL {new}, and production is {old}: the rehearsal plans, locks and casts differently."
        yield question.amber(seen, f"Take a server of PostgreSQL {old} for the copies, if you can.")
    else:
        yield question.green(f"Both are PostgreSQL {old}.")
