"""Servers have connections left, no time limit ends a migration, and no freeze was left behind."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION, DatabaseUse
from integrations.preflight.databases import (
    PlannedDatabase,
    PlannedLogin,
    ask_databases,
    ask_logins,
    login_question,
)
from integrations.preflight.result import CheckResult
from integrations.sql_review.identifiers import quote_identifier
from integrations.writes import freeze
from integrations.writes.freeze import DatabaseLogin

FEW, LITTLE = 20, 5  # free connections: the panel, pg_dump, Prisma and the new stack's pools share them
LONG = 15 * 60  # seconds; a statement of a migration hardly takes longer
SLOTS = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int,
       (select count(*) from pg_stat_activity where backend_type = 'client backend' or backend_type is null
           and datid is not null),
       (select datconnlimit from pg_database where datname = current_database()),
       (select count(*) from pg_stat_activity where datname = current_database())
"""
ROLE_LIMIT = """
select rolconnlimit, (select count(*) from pg_stat_activity where usename = session_user)
  from pg_roles where rolname = session_user
"""
#: limits of a new session in seconds, and what each of them ends
LIMITS = {
    "statement_timeout": "a long statement of the migration is cancelled",
    "transaction_timeout": "a long migration loses its session in the middle",
    "idle_in_transaction_session_timeout": "a transaction that waits for the client loses its session",
    "idle_session_timeout": "a session that waits between two steps is ended",
}
TIMEOUTS = """
select name, (reset_val::bigint / 1000.0)::float8 from pg_settings
 where name = any(%s) and reset_val::bigint > 0 order by name
"""
#: every place where default_transaction_read_only is set for this database
READ_ONLY = """
select coalesce(quote_ident(r.rolname), ''), coalesce(quote_ident(d.datname), ''), r.rolname, c.value
  from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
  left join pg_database d on d.oid = s.setdatabase,
  lateral (select split_part(x, '=', 2) as value from unnest(s.setconfig) x
            where split_part(x, '=', 1) = 'default_transaction_read_only') c
 where s.setdatabase = 0 or d.datname = current_database() order by 1, 2
"""
NEW_SESSION = "select reset_val from pg_settings where name = 'default_transaction_read_only'"


@preflight_check("postgres.connections", "Every server has connections left", texts_shown=True)
def check_connections(scope: CheckScope) -> Iterator[CheckResult]:
    """Limits of the server, the database and the role against the sessions that there are."""
    yield from ask_databases(scope, "connections", _check_slots)
    yield from ask_logins(scope, "connections of the role", _check_role)


def _check_slots(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    row = connection.execute(SLOTS).fetchone()
    assert row is not None
    limit, used, own_limit, own_used = row
    free = limit - used if own_limit < 0 else min(limit - used, own_limit - own_used)
    question = database.question("free connections", "max_connections against the sessions now")
    seen = f"{free} of {limit} connections are free now."
    if free < LITTLE:
        yield question.red(
            seen, "End idle sessions, or raise max_connections (restart) or the CONNECTION LIMIT."
        )
    elif free < FEW:
        yield question.amber(
            seen, "Stop what is not needed in the window, or raise max_connections (restart)."
        )
    else:
        yield question.green(seen)


def _check_role(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
    row = connection.execute(ROLE_LIMIT).fetchone()
    if row is None or row[0] < 0:
        return
    free = row[0] - row[1]
    question = login_question(login, "CONNECTION LIMIT", "the limit of the role against its sessions now")
    seen = f"The role may have {row[0]} sessions; {free} more are possible now."
    if free < LITTLE:
        yield question.red(seen, f"ALTER ROLE {quote_identifier(login.role)} CONNECTION LIMIT {FEW};")
    else:
        yield question.green(seen)


@preflight_check("postgres.timeouts", "No time limit of a role ends a migration", texts_shown=True)
def check_timeouts(scope: CheckScope) -> Iterator[CheckResult]:
    """The limits that a new session has: by the server, the database or the role."""
    yield from ask_logins(scope, "time limits", _check_timeouts, DatabaseUse.MIGRATE)


def _check_timeouts(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
    found = connection.execute(TIMEOUTS, [list(LIMITS)]).fetchall()
    for name, seconds in found:
        question = login_question(login, name, "the time limits of a new session")
        seen = f"{name} is {seconds:g} s for this login: {LIMITS[name]} after that time."
        role = quote_identifier(login.role)
        change = f"ALTER ROLE {role} SET {name} = 0; until the cutover is done, then RESET what it was."
        yield question.red(seen, change) if seconds < LONG else question.amber(seen, change)
    if not found:
        yield login_question(login, "time limits", "the time limits of a new session").green("There is none.")


@preflight_check("postgres.read_only", "No role or database was left read-only", texts_shown=True)
def check_read_only(scope: CheckScope) -> Iterator[CheckResult]:
    """default_transaction_read_only of the server, the databases and the roles."""

    def check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        found = []
        for quoted_role, quoted_database, role, value in connection.execute(READ_ONLY).fetchall():
            if freeze.is_on(value):
                place = _place(quoted_role, quoted_database)
                is_ours = role is not None and _is_frozen_by_us(scope, connection, role)
                found.append(_judge(database, place, role, is_ours=is_ours))
        yield from found or [_judge_server(connection, database)]

    yield from ask_databases(scope, "read-only defaults", check, *OF_PRODUCTION)


def _judge_server(connection: Connection, database: PlannedDatabase) -> CheckResult:
    """What a new session gets where neither the role nor the database decides."""
    question = database.question("read-only defaults", freeze.SETTING)
    row = connection.execute(NEW_SESSION).fetchone()
    if row is None or not freeze.is_on(row[0]):
        return question.green("No role or database is read-only by default, and the server is not either.")
    seen = f"The configuration of the server sets {freeze.SETTING} to on: every role is refused each write."
    return question.red(seen, f"ALTER SYSTEM RESET {freeze.SETTING}; or its file; then pg_reload_conf().")


def _place(role: str, database: str) -> str:
    if role:
        return f"ROLE {role} IN DATABASE {database}" if database else f"ROLE {role}"
    return f"DATABASE {database}"


def _is_frozen_by_us(scope: CheckScope, connection: Connection, role: str) -> bool:
    login = DatabaseLogin(role, connection.info.dbname)
    return freeze.read_saved_state(scope.artefacts, login) is not None


def _judge(database: PlannedDatabase, place: str, role: str | None, *, is_ours: bool) -> CheckResult:
    question = database.question(f"read-only default of {place}", freeze.SETTING)
    if is_ours:
        return question.green(f"{place} is read-only by the freeze of this cutover.")
    seen = f"{freeze.SETTING} is on for {place}, and this cutover did not set it."
    change = f"Find out who set it; if it is left over: ALTER {place} RESET {freeze.SETTING};"
    logins = [login for login in database.logins if role in (None, login.role)]
    return question.red(seen, change) if logins else question.amber(seen, change)
