"""Puts one database in the place of another on the same server, by names, and as it was configured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.errors import Problem

MAINTENANCE = "postgres"  # the database that we sit in while another one is renamed
PATIENCE = 30.0  # seconds for ended sessions to be gone

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
OTHERS = """
select count(*) from pg_stat_activity where datname = %s and backend_type = 'client backend'
"""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Database:
    """A database as the catalog has it."""

    name: str
    owner: str
    connections: bool  # may anybody connect?
    limit: int
    has_acl: bool
    comment: str | None


@contextmanager
def beside(url: str, attempt: str = "", *, readonly: bool = False) -> Iterator[postgres.Connection]:
    """A connection by the same login to another database of the same server. Raises `Problem`."""
    elsewhere = postgres.with_database(url, MAINTENANCE)
    with postgres.in_words(elsewhere), postgres.connect(elsewhere, attempt=attempt, readonly=readonly) as it:
        yield it


def name_of(url: str) -> str:
    """The database that an address names."""
    name = postgres.settings(url).get("dbname") or urlsplit(url).path.lstrip("/")
    if name in ("", MAINTENANCE, "template0", "template1"):
        raise Problem(
            f"“{name}” is no database that can be swapped.",
            next="Name the application's own database in the address of the system.",
        )
    return name


def find(admin: postgres.Connection, name: str) -> Database | None:
    """The database of that name, None when there is none."""
    row = admin.execute(
        "select datname, pg_get_userbyid(datdba), datallowconn, datconnlimit, datacl is not null,"
        " shobj_description(oid, 'pg_database') from pg_database where datname = %s",
        [name],
    ).fetchone()
    return Database(*row) if row else None


def configure_like(admin: postgres.Connection, source: str, target: str, tell: Tell) -> None:
    """Gives ``target`` the owner, rights, settings (also those of roles in it), limit and comment of
    ``source``. Raises what PostgreSQL refuses: half of it would be a trap."""
    known = find(admin, source)
    assert known is not None
    to = sql.Identifier(target)
    _grants(admin, source, known, to)
    for role, config in admin.execute(SETTINGS, [source]).fetchall():
        for setting in config:
            _set(admin, role, target, setting)
            tell(f"Setting kept: {f'{role}: ' if role else ''}{setting.partition('=')[0]}")
    admin.execute(sql.SQL("alter database {} connection limit {}").format(to, sql.Literal(known.limit)))
    if known.comment is not None:
        admin.execute(sql.SQL("comment on database {} is {}").format(to, sql.Literal(known.comment)))
    admin.execute(sql.SQL("alter database {} owner to {}").format(to, sql.Identifier(known.owner)))


def _grants(admin: postgres.Connection, source: str, known: Database, to: sql.Identifier) -> None:
    if not known.has_acl:
        return
    admin.execute(sql.SQL("revoke all on database {} from public").format(to))
    for role, right, with_option in admin.execute(ACL, [source]).fetchall():
        statement = sql.SQL("grant {} on database {} to {}{}").format(
            sql.SQL(right),
            to,
            sql.Identifier(role) if role else sql.SQL("public"),
            sql.SQL(" with grant option" if with_option and role != known.owner else ""),
        )
        admin.execute(statement)


def _set(admin: postgres.Connection, role: str | None, database: str, setting: str) -> None:
    """By ``from current``, which needs no quoting of whatever the value is; in one transaction, since the
    setting may be the one that makes transactions read-only."""
    name, _, value = setting.partition("=")
    with admin.transaction():
        admin.execute("select set_config(%s, %s, true)", [name, value])
        whom = sql.SQL("role {} in database {}").format(sql.Identifier(role or ""), sql.Identifier(database))
        if role is None:
            whom = sql.SQL("database {}").format(sql.Identifier(database))
        admin.execute(sql.SQL("alter {} set {} from current").format(whom, sql.Identifier(name)))


@contextmanager
def owners_let_in(live: str, incoming: str, attempt: str = "") -> Iterator[None]:
    """Lets the owners of what is in ``live`` (an address) own things in ``incoming``'s schema public, too.

    A restore gives each table its owner before it gives the rights on the schema, and who is no superuser
    may only give a table to a role that may create there. What was lent is taken back, but for the roles
    that have the right in ``live``.
    """
    with postgres.connect(live, attempt=attempt, readonly=True) as there:
        owners = {role for (role,) in there.execute(OWNERS)}
        entitled = {role for (role,) in there.execute(CREATORS)}
    with postgres.connect(incoming, attempt=attempt) as here:
        for role in sorted(owners):
            here.execute(sql.SQL("grant create on schema public to {}").format(sql.Identifier(role)))
    yield
    with postgres.connect(incoming, attempt=attempt) as here:
        for role in sorted(owners - entitled):
            here.execute(sql.SQL("revoke create on schema public from {}").format(sql.Identifier(role)))


def swap(admin: postgres.Connection, live: str, incoming: str, keep_as: str, tell: Tell) -> float:
    """``incoming`` takes the name ``live``; what was called so is kept as ``keep_as``, closed to everybody.

    Gives the seconds in which nobody could connect. When a step fails, those before it are taken back, and
    the error is raised.
    """
    began = time.monotonic()
    with ExitStack() as back:
        _close(admin, live, back)
        _close(admin, incoming, back)
        for name in (live, incoming):
            _empty(admin, name)
        _rename(admin, live, keep_as, back, tell)
        _rename(admin, incoming, live, back, tell)
        _allow(admin, live, True)
        back.pop_all()
    seconds = round(time.monotonic() - began, 3)
    tell(f"{live} answers again, after {seconds:.2f} s.")
    return seconds


def _allow(admin: postgres.Connection, name: str, allowed: bool) -> None:
    word = sql.SQL("true" if allowed else "false")
    admin.execute(sql.SQL("alter database {} with allow_connections {}").format(sql.Identifier(name), word))


def _close(admin: postgres.Connection, name: str, back: ExitStack) -> None:
    _allow(admin, name, False)
    back.callback(_allow, admin, name, True)


def _rename(admin: postgres.Connection, name: str, to: str, back: ExitStack, tell: Tell) -> None:
    statement = sql.SQL("alter database {} rename to {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(to)))
    back.callback(admin.execute, statement.format(sql.Identifier(to), sql.Identifier(name)))
    tell(f"{name} is now called {to}.")


def _empty(admin: postgres.Connection, name: str) -> None:
    """Ends every session in the database and waits until they are gone."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        except psycopg.errors.InsufficientPrivilege as error:
            raise Problem(
                f"Not every session in {name} may be ended: {error.diag.message_primary}.",
                means="The swap was taken back; nothing has changed.",
                next=f"End them, or GRANT pg_signal_backend TO {admin.info.user}. Then start it again.",
            ) from None
        if _count(admin, name) == 0:
            return
        if time.monotonic() > until:
            raise Problem(
                f"Sessions in {name} do not end.",
                means="The swap was taken back; nothing has changed.",
                next="Look in pg_stat_activity for who stays connected, stop that program, start it again.",
            )
        time.sleep(0.05)


def _count(admin: postgres.Connection, name: str) -> int:
    row: Any = admin.execute(OTHERS, [name]).fetchone()
    return int(row[0])
