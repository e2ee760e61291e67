"""Puts one database in the place of another on the same server, by renaming, with the same configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from psycopg import sql

from integrations.clients import lock_waits, postgres
from integrations.clients.database_sessions import (
    end_database_sessions,
    explain_users,
    find_database_users,
    refuse_prepared_transactions,
)
from integrations.clients.watched_connection import LockReport, UninterruptedReport
from integrations.errors import Problem

MAINTENANCE = "postgres"  # where to connect while another database is renamed
SESSION_END_TIMEOUT = 30.0  # seconds for terminated sessions to be gone

ACL = """
select coalesce(r.rolname, ''), a.privilege_type, a.is_grantable from pg_database d, aclexplode(d.datacl) a
left join pg_roles r on r.oid = a.grantee where d.datname = %s order by 1, 2
"""
SETTINGS = """
select r.rolname, s.setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole where d.datname = %s order by 1 nulls first
"""
OWNERS = """
select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace
"""
CREATORS = """
select pg_get_userbyid(a.grantee) from pg_namespace n, aclexplode(n.nspacl) a
where n.nspname = 'public' and a.privilege_type = 'CREATE' and a.grantee <> 0
"""

Log = Callable[[str], None]


@dataclass(frozen=True)
class DatabaseEntry:
    """A database as the catalog pg_database describes it."""

    name: str
    owner: str
    allows_connections: bool
    limit: int
    has_acl: bool
    comment: str | None


@contextmanager
def connect_to_maintenance_database(
    url: str,
    attempt: str = "",
    *,
    readonly: bool = False,
    report: LockReport | None = None,
    lock_wait: float | None = None,
) -> Iterator[postgres.Connection]:
    """Connects with the same login to the server's maintenance database, from which ``url``'s own database
    can be renamed. No cancel stops what waits there: half a swap is worse than a slow one. Raises `Problem`.
    """
    other = postgres.with_database(url, MAINTENANCE)
    told = UninterruptedReport(report) if report else None
    with (
        postgres.explain_errors(other),
        postgres.connect(
            other, attempt=attempt, readonly=readonly, report=told, lock_wait=lock_wait
        ) as admin,
    ):
        yield admin


def get_database_name(url: str) -> str:
    """Returns the database that an address names. Raises `Problem` for one that must not be renamed."""
    name = postgres.connection_settings(url).get("dbname") or urlsplit(url).path.lstrip("/")
    if name in ("", MAINTENANCE, "template0", "template1"):
        raise Problem(
            f"“{name}” is no database that can be swapped.",
            next="Name the application's own database in the address of the system.",
        )
    return name


def find_database(admin: postgres.Connection, name: str) -> DatabaseEntry | None:
    """Returns the database of that name, None when there is none."""
    row = admin.execute(
        "select datname, pg_get_userbyid(datdba), datallowconn, datconnlimit, datacl is not null,"
        " shobj_description(oid, 'pg_database') from pg_database where datname = %s",
        [name],
    ).fetchone()
    return DatabaseEntry(*row) if row else None


def copy_configuration(admin: postgres.Connection, source: str, target: str, log: Log) -> None:
    """Gives the database ``target`` the owner, rights, settings (also those of roles in it), connection
    limit and comment of ``source``. Raises psycopg's error for what PostgreSQL refuses: a database that is
    configured by half must not be swapped in."""
    entry = find_database(admin, source)
    assert entry is not None
    to = sql.Identifier(target)
    _copy_grants(admin, source, entry, to)
    for role, config in admin.execute(SETTINGS, [source]).fetchall():
        for setting in config:
            _apply_setting(admin, role, target, setting)
            log(f"Setting kept: {f'{role}: ' if role else ''}{setting.partition('=')[0]}")
    limit = sql.SQL("alter database {} connection limit {}").format(to, sql.Literal(entry.limit))
    lock_waits.execute_change(admin, limit)
    if entry.comment is not None:
        comment = sql.SQL("comment on database {} is {}").format(to, sql.Literal(entry.comment))
        lock_waits.execute_change(admin, comment)
    owner = sql.SQL("alter database {} owner to {}").format(to, sql.Identifier(entry.owner))
    lock_waits.execute_change(admin, owner)


def _copy_grants(admin: postgres.Connection, source: str, entry: DatabaseEntry, to: sql.Identifier) -> None:
    if not entry.has_acl:
        return
    lock_waits.execute_change(admin, sql.SQL("revoke all on database {} from public").format(to))
    for role, right, with_option in admin.execute(ACL, [source]).fetchall():
        statement = sql.SQL("grant {} on database {} to {}{}").format(
            sql.SQL(right),
            to,
            sql.Identifier(role) if role else sql.SQL("public"),
            sql.SQL(" with grant option" if with_option and role != entry.owner else ""),
        )
        lock_waits.execute_change(admin, statement)


def _apply_setting(admin: postgres.Connection, role: str | None, database: str, setting: str) -> None:
    """Applies a setting (``name=value``) to a database, or to a role in it."""
    # FROM CURRENT takes the value from this session, so that no value has to be quoted. Both statements are
    # in one transaction, since the setting may be the one that makes later transactions read-only.
    name, _, value = setting.partition("=")
    whom = sql.SQL("role {} in database {}").format(sql.Identifier(role or ""), sql.Identifier(database))
    if role is None:
        whom = sql.SQL("database {}").format(sql.Identifier(database))

    def apply() -> None:
        admin.execute("select set_config(%s, %s, true)", [name, value])
        admin.execute(sql.SQL("alter {} set {} from current").format(whom, sql.Identifier(name)))

    lock_waits.change(admin, apply)


@contextmanager
def grant_create_to_owners(live: str, incoming: str, attempt: str = "") -> Iterator[None]:
    """Lets the owners of the tables in ``live`` create in the schema public of ``incoming`` (addresses).

    pg_restore gives each table its owner before it grants the rights on the schema, and a login that is no
    superuser can only give a table to a role that may create there. After the block the right is revoked
    from all roles that do not have it in ``live``.
    """
    with postgres.connect(live, attempt=attempt, readonly=True) as there:
        owners = {role for (role,) in there.execute(OWNERS)}
        entitled = {role for (role,) in there.execute(CREATORS)}
    with postgres.connect(incoming, attempt=attempt) as here:
        for role in sorted(owners):
            grant = sql.SQL("grant create on schema public to {}").format(sql.Identifier(role))
            lock_waits.execute_change(here, grant)
    yield
    with postgres.connect(incoming, attempt=attempt) as here:
        for role in sorted(owners - entitled):
            revoke = sql.SQL("revoke create on schema public from {}").format(sql.Identifier(role))
            lock_waits.execute_change(here, revoke)


def swap_databases(
    admin: postgres.Connection, live: str, incoming: str, keep_as: str, report: LockReport
) -> float:
    """Renames ``live`` to ``keep_as``, closed to everybody, and ``incoming`` to ``live``.

    Returns the seconds in which nobody could connect. When a step fails, the steps before it are reverted
    and the error is raised: `Problem` when sessions cannot be ended, else psycopg's.
    """
    whole = UninterruptedReport(report)
    # A prepared transaction has no session that could be ended: it is known before anybody is shut out.
    refuse_prepared_transactions(admin, live, incoming)
    report.log(f"Connected to {live} now: {find_database_users(admin, live)}.")
    began = time.monotonic()
    with ExitStack() as undo:
        # Both databases are closed before their sessions are ended: programs would reconnect at once, and a
        # database with a session in it cannot be renamed.
        _close(admin, live, undo)
        _close(admin, incoming, undo)
        for name in (live, incoming):
            end_database_sessions(admin, name, whole, seconds=SESSION_END_TIMEOUT)
        _rename(admin, live, keep_as, undo, report.log)
        _rename(admin, incoming, live, undo, report.log)
        _allow_connections(admin, live, True)
        undo.pop_all()
    seconds = round(time.monotonic() - began, 3)
    report.log(f"{live} answers again, after {seconds:.2f} s.")
    return seconds


def _allow_connections(admin: postgres.Connection, name: str, allowed: bool) -> None:
    word = sql.SQL("true" if allowed else "false")
    statement = sql.SQL("alter database {} with allow_connections {}").format(sql.Identifier(name), word)
    lock_waits.execute_change(admin, statement)


def _close(admin: postgres.Connection, name: str, undo: ExitStack) -> None:
    _allow_connections(admin, name, False)
    undo.callback(_allow_connections, admin, name, True)


def _rename(admin: postgres.Connection, name: str, to: str, undo: ExitStack, log: Log) -> None:
    statement = sql.SQL("alter database {} rename to {}")
    with explain_users(admin, name):
        lock_waits.execute_change(admin, statement.format(sql.Identifier(name), sql.Identifier(to)))
    back = statement.format(sql.Identifier(to), sql.Identifier(name))
    undo.callback(lock_waits.execute_change, admin, back)
    log(f"{name} is now called {to}.")
