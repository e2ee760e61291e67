"""A temporary database that a backup is restored into, created like the backup's source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from integrations.clients import lock_waits, pgtools, postgres
from integrations.clients.database_sessions import (
    explain_users,
    find_database_users,
    refuse_prepared_transactions,
)
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem

PREFIX = "cutover_verify_"
DROP_SECONDS = (
    300.0  # a drop waits until every session of the server has noticed it, without a limit of its own
)
# to_jsonb, because the columns for provider and locale have other names in other versions, or do not exist
LOCALE = (
    "select pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider',"
    " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')"
    " from pg_database d where datname = current_database()"
)

Locale = Mapping[str, str | None]


@dataclass
class ScratchDatabase:
    """A scratch database while it is in use. It is dropped in the end unless ``keep`` is set.

    ``major`` is its server's major version; ``notes`` say what is not as in the source.
    """

    name: str
    url: str
    major: int
    notes: list[str] = field(default_factory=list)
    keep: bool = False


@contextmanager
def open_scratch_database(
    server_url: str, attempt: str, locale: Locale, log: Callable[[str], None]
) -> Iterator[ScratchDatabase]:
    """Creates the attempt's scratch database on a server; drops it when the block ends or raises.

    Raises `Problem` when the login may not create databases, and `Unreachable`.
    """
    name, server = make_scratch_name(attempt), postgres.address(server_url).partition("/")[0]
    try:
        with postgres.connect(server_url, attempt=attempt) as admin:
            scratch = ScratchDatabase(
                name, postgres.with_database(server_url, name), pgtools.server_major_version(admin)
            )
            _log_leftovers(admin, log)
            scratch.notes += create_database(admin, name, locale)
        log(f"Created {name} from template0 on {server}.")
        yield scratch
    except BaseException:
        with suppress(Problem):  # the error of the block is the one to tell; the log has this one
            _drop_or_name(server_url, attempt, name, log)
        raise
    if not scratch.keep:
        _drop_or_name(server_url, attempt, name, log)


def _drop_or_name(server_url: str, attempt: str, name: str, log: Callable[[str], None]) -> None:
    """Drops the database. Raises a `Problem` that names it where the server refuses."""
    try:
        with postgres.explain_errors(server_url), postgres.connect(server_url, attempt=attempt) as admin:
            drop_database(admin, name, log)
    except Problem as problem:
        log(f"{name} stays on the scratch server: {problem.what} {problem.means}".rstrip())
        raise Problem(
            f"{name} cannot be dropped: {problem.what}",
            means=f"It stays there; the log has what the restore showed. {problem.means}".rstrip(),
            next=f"Remove what holds it, then DROP DATABASE {name} WITH (FORCE); and start this item again.",
        ) from None
    log(f"Dropped {name}.")


def _log_leftovers(admin: postgres.Connection, log: Callable[[str], None]) -> None:
    names = list_scratch_databases(admin)
    if names:
        log(f"On the scratch server from earlier (kept, or left by a lost worker): {', '.join(names)}.")


def make_scratch_name(attempt: str) -> str:
    """Returns the name of an attempt's scratch database."""
    return PREFIX + re.sub(r"[^0-9a-z]", "", attempt.lower())[:32]


def list_scratch_databases(admin: postgres.Connection) -> list[str]:
    """Returns the names of all scratch databases on the server, sorted."""
    rows = admin.execute(
        "select datname from pg_database where starts_with(datname, %s) order by 1", [PREFIX]
    )
    return [row[0] for row in rows]


def read_locale(source: postgres.Connection) -> dict[str, str | None]:
    """Returns encoding, collate, ctype, provider and locale of a database, in any version of PostgreSQL."""
    row = source.execute(LOCALE).fetchone()
    assert row is not None
    return dict(zip(("encoding", "collate", "ctype", "provider", "locale"), row, strict=True))


def drop_database(admin: postgres.Connection, name: str, log: Callable[[str], None] | None = None) -> None:
    """Drops the database and ends the sessions in it. One that does not exist is no error.

    Raises `Problem` when PostgreSQL cannot: because of a prepared transaction, or of a session that may not
    be ended. It names them.
    """
    if admin.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
        return
    refuse_prepared_transactions(admin, name)
    users = find_database_users(admin, name)
    if users and log is not None:
        log(f"{name} is dropped, and with it end: {users}.")
    statement = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    with explain_users(admin, name):
        lock_waits.execute_alone(admin, statement, longest=DROP_SECONDS)


def create_database(admin: postgres.Connection, name: str, locale: Locale) -> list[str]:
    """Creates the database with the source's encoding and locale; returns notes for a person.

    Where this server does not know the locale, the database gets C, and a note says so: text then sorts
    differently, but no value changes. Raises `Problem` when the login may not create databases, and
    psycopg's `DuplicateDatabase`.
    """
    try:
        lock_waits.execute_alone(admin, _create_statement(name, locale, admin.info.server_version))
        return []
    except psycopg.errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not create databases there: {describe_error(error)}.",
            means="Nothing was restored; the backup is neither verified nor refuted.",
            next=f"ALTER ROLE {admin.info.user} CREATEDB, or use another login for the scratch server.",
        ) from None
    except psycopg.errors.DuplicateDatabase:
        raise
    except psycopg.Error as error:
        plain = {"encoding": locale["encoding"], "collate": "C", "ctype": "C", "provider": "c"}
        lock_waits.execute_alone(admin, _create_statement(name, plain, admin.info.server_version))
        return [f"Restored with the locale C: {describe_error(error)}."]


def _create_statement(name: str, locale: Locale, version: int) -> sql.Composed:
    options = [
        ("encoding", locale["encoding"]),
        ("lc_collate", locale["collate"]),
        ("lc_ctype", locale["ctype"]),
    ]
    if locale.get("provider") == "i" and version >= 150000:
        options += [("locale_provider", "icu"), ("icu_locale", locale["locale"])]
    if locale.get("provider") == "b" and version >= 170000:
        options += [("locale_provider", "builtin"), ("builtin_locale", locale["locale"])]
    words = [sql.SQL("{} {}").format(sql.SQL(key), sql.Literal(value)) for key, value in options if value]
    return sql.SQL("create database {} template template0 {}").format(
        sql.Identifier(name), sql.SQL(" ").join(words)
    )
