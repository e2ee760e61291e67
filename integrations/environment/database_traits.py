"""What a database is like apart from its rows: version, settings, locale, extensions, roles and grants.

A rehearsal on a copy only says something about production where these are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from integrations.clients.postgres import Connection

#: Settings on which results depend, and what a difference means.
RESULT_SETTINGS = {
    "TimeZone": "now() and casts to a time without zone give other values",
    "DateStyle": "dates are read and written in another order",
    "IntervalStyle": "intervals are written differently",
    "search_path": "names without a schema may mean other tables",
    "default_transaction_isolation": "statements see other rows of concurrent transactions",
    "default_tablespace": "new tables and indexes are stored elsewhere",
    "default_table_access_method": "new tables are stored in another way",
    "row_security": "rows may be hidden by policies",
    "session_replication_role": "triggers and foreign keys may not fire",
    "standard_conforming_strings": "backslashes in literals mean something else",
    "statement_timeout": "a statement may be cancelled that was not in the rehearsal",
    "lock_timeout": "waiting for a lock may end that did not in the rehearsal",
    "idle_in_transaction_session_timeout": "a transaction that waits may be ended",
    "transaction_timeout": "a long transaction may be ended",
    "max_locks_per_transaction": "a migration of many tables may run out of locks",
}
#: Settings on which only the measured time depends.
TIME_SETTINGS = (
    *("shared_buffers", "work_mem", "maintenance_work_mem", "max_wal_size", "synchronous_commit", "fsync"),
    *("full_page_writes", "wal_level", "max_parallel_maintenance_workers", "max_parallel_workers", "jit"),
)
#: The session of the panel has a lock_timeout of its own: what the role or the database says is reset_val.
READ_SETTINGS = """
SELECT name, CASE WHEN name <> 'lock_timeout' THEN current_setting(name)
                  WHEN reset_val = '0' THEN '0' ELSE reset_val || unit END
FROM pg_settings WHERE name = ANY (%s)
"""
LOCALE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''),
       coalesce(to_jsonb(d) ->> 'datcollversion', '')
FROM pg_database d WHERE datname = current_database()
"""
LOCALE_NAMES = ("encoding", "collation", "character types", "locale provider", "locale", "collation version")
LOGIN = "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
TABLES = """
SELECT n.nspname || '.' || c.relname, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1
"""
GRANTS = """
SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, count(DISTINCT c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND a.grantee <> c.relowner
GROUP BY 1 ORDER BY 1
"""


class RehearsalDifference(TypedDict):
    """What is different in production. ``means`` is empty, and ``matters`` false, where nothing follows.
    ``details`` lists what is too long for the other fields."""

    what: str
    production: str
    rehearsal: str
    matters: bool
    means: str
    details: list[str]


def differ(
    what: str, production: str, rehearsal: str, means: str = "", details: Iterable[str] = ()
) -> RehearsalDifference:
    """A difference that matters where ``means`` says what follows from it."""
    return {
        "what": what,
        "production": production,
        "rehearsal": rehearsal,
        "matters": bool(means),
        "means": means,
        "details": list(details),
    }


@dataclass(frozen=True)
class DatabaseTraits:
    """One database as a login sees it. ``foreign``: tables that this login does not own, by their owner;
    ``grants``: role → on how many tables, views and sequences it has rights."""

    version: str = ""
    locale: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    login: str = ""
    superuser: bool = False
    owners: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)
    grants: Mapping[str, int] = field(default_factory=dict)


def read_traits(connection: Connection) -> DatabaseTraits:
    """Reads them; changes nothing."""
    names = [*RESULT_SETTINGS, *TIME_SETTINGS]
    settings = connection.execute(READ_SETTINGS, [names]).fetchall()
    locale = connection.execute(LOCALE).fetchone() or ("",) * len(LOCALE_NAMES)
    login = connection.execute(LOGIN).fetchone() or ("", False, False)
    tables = connection.execute(TABLES).fetchall()
    return DatabaseTraits(
        version=connection.info.parameter_status("server_version") or "",
        locale=dict(zip(LOCALE_NAMES, locale, strict=True)),
        settings=dict(settings),
        extensions=dict(connection.execute("SELECT extname, extversion FROM pg_extension").fetchall()),
        login=str(login[0]),
        superuser=bool(login[1] or login[2]),
        owners=tuple(sorted({owner for _, owner, _ in tables})),
        foreign={name: owner for name, owner, is_own in tables if not is_own},
        grants=dict(connection.execute(GRANTS).fetchall()),
    )


def compare_traits(production: DatabaseTraits, copy: DatabaseTraits) -> list[RehearsalDifference]:
    """Returns every difference, with what follows from it."""
    return [
        *_compare_versions(production.version, copy.version),
        *_compare_locales(production.locale, copy.locale),
        *_compare_settings(production.settings, copy.settings),
        *_compare_extensions(production.extensions, copy.extensions),
        *_compare_roles(production, copy),
    ]


def _compare_versions(production: str, copy: str) -> Iterator[RehearsalDifference]:
    if production != copy:
        same_major = production.split(".")[0] == copy.split(".")[0]
        means = "" if same_major else "another major version may plan, lock and cast differently"
        yield differ("server version", production, copy, means)


def _compare_locales(production: Mapping[str, str], copy: Mapping[str, str]) -> Iterator[RehearsalDifference]:
    for name, value in production.items():
        if value != copy.get(name, ""):
            means = "text may sort and compare differently: unique indexes and constraints on text, too"
            yield differ(name, value or "none", copy.get(name) or "none", means)


def _compare_settings(
    production: Mapping[str, str], copy: Mapping[str, str]
) -> Iterator[RehearsalDifference]:
    for name, means in RESULT_SETTINGS.items():
        if production.get(name) != copy.get(name):
            yield differ(f"setting {name}", _shown(production, name), _shown(copy, name), means)
    different = [name for name in TIME_SETTINGS if production.get(name) != copy.get(name)]
    if different:
        yield differ(
            "settings of speed",
            f"{len(different)} are different",
            "the measured time is the copy's",
            details=[f"{name}: {_shown(production, name)} → {_shown(copy, name)}" for name in different],
        )


def _shown(settings: Mapping[str, str], name: str) -> str:
    return settings.get(name, "not known to this version") or "empty"


def _compare_extensions(
    production: Mapping[str, str], copy: Mapping[str, str]
) -> Iterator[RehearsalDifference]:
    for name in sorted({*production, *copy}):
        old, new = production.get(name, "not there"), copy.get(name, "not there")
        if old != new:
            means = "its types and functions may behave differently, or be missing"
            yield differ(f"extension {name}", old, new, means)


def _compare_roles(production: DatabaseTraits, copy: DatabaseTraits) -> Iterator[RehearsalDifference]:
    if copy.superuser and not production.superuser:
        yield differ(
            "rights of the login that migrates",
            f"{production.login}, no superuser",
            f"{copy.login}, a superuser",
            "a right that production's login lacks was not missed in the rehearsal",
        )
    if production.foreign and not production.superuser:
        yield differ(
            "tables of another owner",
            f"{len(production.foreign)}",
            "none",
            f"only an owner may alter a table: {production.login} would be refused in production",
            [f"{table} ({owner})" for table, owner in production.foreign.items()],
        )
    if production.owners != copy.owners:
        yield differ("owners of the tables", _listed(production.owners), _listed(copy.owners))
    if production.grants != copy.grants:
        yield differ(
            "grants on tables, views and sequences",
            f"{len(production.grants)} roles",
            f"{len(copy.grants)} roles",
            "whether each application's login may use what the migration makes is not rehearsed",
            [*_list_grants("production", production.grants), *_list_grants("rehearsal", copy.grants)],
        )


def _list_grants(side: str, grants: Mapping[str, int]) -> list[str]:
    return [f"{side}: {role} on {count}" for role, count in grants.items()]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
