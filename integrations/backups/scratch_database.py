"""A database of its own that a backup is restored into, made like its source and thrown away."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.errors import Problem

PREFIX = "cutover_verify_"
LOCALE = (
    "select pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider',"
    " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')"
    " from pg_database d where datname = current_database()"
)


def name_for(attempt: str) -> str:
    """The name of an attempt's scratch database."""
    return PREFIX + re.sub(r"[^0-9a-z]", "", attempt.lower())[:32]


def names(admin: postgres.Connection) -> list[str]:
    """Scratch databases that are there."""
    rows = admin.execute(
        "select datname from pg_database where starts_with(datname, %s) order by 1", [PREFIX]
    )
    return [row[0] for row in rows]


def locale_of(source: postgres.Connection) -> dict[str, str | None]:
    """Encoding, collate, ctype, provider and locale of a database, whatever the version calls them."""
    row = source.execute(LOCALE).fetchone()
    assert row is not None
    return dict(zip(("encoding", "collate", "ctype", "provider", "locale"), row, strict=True))


def drop(admin: postgres.Connection, name: str) -> None:
    """Drops it with whoever is connected; one that is not there is fine."""
    admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def create(admin: postgres.Connection, name: str, locale: Mapping[str, str | None]) -> list[str]:
    """Makes the database with the source's encoding and locale. Where this server does not know the
    locale it takes C, which changes the order of text but no value, and says so."""
    try:
        admin.execute(_creation(name, locale, admin.info.server_version))
        return []
    except psycopg.errors.InsufficientPrivilege as error:
        raise Problem(
            f"{admin.info.user} may not create databases there: {error.diag.message_primary}.",
            means="Nothing was restored; the backup is neither verified nor refuted.",
            next=f"ALTER ROLE {admin.info.user} CREATEDB, or use another login for the scratch server.",
        ) from None
    except psycopg.errors.DuplicateDatabase:
        raise
    except psycopg.Error as error:
        plain = {"encoding": locale["encoding"], "collate": "C", "ctype": "C", "provider": "c"}
        admin.execute(_creation(name, plain, admin.info.server_version))
        return [f"Restored with the locale C: {error.diag.message_primary}."]


def _creation(name: str, locale: Mapping[str, str | None], version: int) -> sql.Composed:
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
