"""Servers for copies know the extensions and locales of production, whose own collations are up to date."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from integrations.backups.scratch_database import Locale, read_locale
from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION, DatabaseUse
from integrations.preflight.databases import PlannedDatabase, PlannedLogin, ask_databases
from integrations.preflight.pending_scripts import WITH_SCRIPTS, migrating_projects, read_pending_scripts
from integrations.preflight.result import CheckResult

INSTALLED = "select extname, extversion from pg_extension where extname <> 'plpgsql' order by 1"
#: of each wanted extension: versions offered, and whether this login may create it (a trusted one needs
#: CREATE in the database: the one to which it is connected, or one of its own)
OFFERED = """
select name, array_agg(version),
       bool_or(trusted) and (%(own)s or has_database_privilege(current_database(), 'CREATE'))
         or (select rolsuper from pg_roles where rolname = session_user)
  from pg_available_extension_versions where name = any(%(names)s) group by name
"""
#: The version of a database's collation: as recorded, and of the system. Known from PostgreSQL 15 on.
COLLATION_VERSION = """
select quote_ident(datname), datcollversion, pg_database_collation_actual_version(oid)
  from pg_database where datname = current_database()
"""
#: Collations of columns whose rules are other ones than when their indexes were built.
STALE_COLLATIONS = """
select format('%I.%I', n.nspname, c.collname), c.collversion, pg_collation_actual_version(c.oid)
  from pg_collation c join pg_namespace n on n.oid = c.collnamespace
 where c.collversion is not null and c.collversion is distinct from pg_collation_actual_version(c.oid)
   and exists (select from pg_attribute a join pg_class r on r.oid = a.attrelid
                where a.attcollation = c.oid and a.attnum > 0 and not a.attisdropped
                  and r.relnamespace <> 'pg_catalog'::regnamespace)
 order by 1
"""
#: one start of one server: two addresses with the same one lead to the same server
SERVER = "select pg_postmaster_start_time()::text, inet_server_port()"
HAS_LOCALE = "select exists (select from pg_collation where collcollate = %s or collname = %s)"
#: initdb writes one collation for each locale of ICU; “unicode” is there without ICU as well.
HAS_ICU = "select exists (select from pg_collation where collprovider = 'i' and collname ~ '-x-icu$')"
EVERYWHERE = ("C", "POSIX", "C.UTF-8", "C.utf8")


@dataclass(frozen=True)
class _Source:
    """A database that copies are made of."""

    database: PlannedDatabase
    extensions: dict[str, str]
    locale: Locale


@preflight_check(
    "postgres.extensions",
    "Servers offer the extensions that they have to create",
    seconds=WITH_SCRIPTS,
    texts_shown=True,
)
def check_extensions(scope: CheckScope) -> Iterator[CheckResult]:
    """Extensions of the databases that are backed up, and CREATE EXTENSION in pending scripts."""
    sources = yield from _read_sources(scope)

    def check_copy(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        wanted = {name: version for each in sources for name, version in each.extensions.items()}
        yield from _check_offered(connection, database, wanted, "a copy of production needs it", own=True)
        if not wanted:
            question = database.question("extensions for copies", "the extensions of production")
            yield question.green("Production has no extension beside plpgsql.")

    def check_target(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        login = database.login_for(DatabaseUse.MIGRATE)
        names = _created_by_scripts(scope, login) if login else set()
        there = {row[0] for row in connection.execute(INSTALLED)}
        wanted = dict.fromkeys(sorted(names - there), "")
        yield from _check_offered(connection, database, wanted, "a pending script creates it")
        if not wanted:
            question = database.question("extensions of pending scripts", "CREATE EXTENSION in the scripts")
            yield question.green("The pending scripts create no extension that is not there.")

    if sources:
        yield from ask_databases(scope, "extensions for copies", check_copy, DatabaseUse.KEEP_COPIES)
    yield from ask_databases(scope, "extensions of pending scripts", check_target, DatabaseUse.MIGRATE)


def _read_sources(scope: CheckScope) -> Generator[CheckResult, None, list[_Source]]:
    """Reads the databases of which copies are made; returns them."""
    sources: list[_Source] = []

    def read(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        extensions = {row[0]: row[1] for row in connection.execute(INSTALLED)}
        sources.append(_Source(database, extensions, read_locale(connection)))
        yield from ()

    yield from ask_databases(scope, "extensions and locale", read, DatabaseUse.BACK_UP)
    return sources


def _created_by_scripts(scope: CheckScope, login: PlannedLogin) -> set[str]:
    projects = [each for each in migrating_projects(scope) if each.name in login.systems]
    return {
        statement.node["extname"]
        for project in projects
        for script in read_pending_scripts(scope, project)
        for statement in script.parse()
        if statement.kind == "CreateExtensionStmt"
    }


def _check_offered(
    connection: Connection, database: PlannedDatabase, wanted: dict[str, str], why: str, *, own: bool = False
) -> Iterator[CheckResult]:
    """``own``: it is created in a database that belongs to the login."""
    rows = connection.execute(OFFERED, {"names": list(wanted), "own": own})
    offered = {name: (versions, may_create) for name, versions, may_create in rows}
    for name, version in wanted.items():
        question = database.question(f"extension {name}", "whether the server offers it to this login")
        versions, may_create = offered.get(name, ([], False))
        if not versions:
            change = f"Install the package of {name} on that server."
            yield question.red(f"The server does not offer {name}, and {why}.", change)
        elif not may_create:
            seen = (
                f"This login may not create {name}, and {why}: only a superuser may, or, where the extension "
            )
            change = f"Let a superuser create {name} there, or GRANT CREATE ON DATABASE where it is trusted."
            yield question.red(f"{seen}is trusted, a login with CREATE in the database.", change)
        elif version and version not in versions:
            seen = f"The server offers {name} {', '.join(sorted(versions))}; production has {version}."
            yield question.amber(seen, "Install the same version, or know what differs.")
        else:
            yield question.green(f"The server offers {name}{f' {version}' if version else ''}.")


@preflight_check("postgres.scratch", "Copies are made on another server than production's", texts_shown=True)
def check_scratch_server(scope: CheckScope) -> Iterator[CheckResult]:
    """When each server started: one that started at the same microsecond is the same one."""
    production: dict[tuple[str, int], str] = {}

    def read(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        production[_server_of(connection)] = database.address
        yield from ()

    def check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        question = database.question("server of the copies", "whether it is another one than production's")
        live = production.get(_server_of(connection))
        if live is None:
            yield question.green("It is another server than production's.")
        else:
            yield question.amber(
                f"It is the server of {live}: a restore takes disk, memory and time from production.",
                "Give scratch: another server of the same version, or know that production is slower then.",
            )

    yield from ask_databases(scope, "server", read, DatabaseUse.BACK_UP)
    yield from ask_databases(scope, "server of the copies", check, DatabaseUse.KEEP_COPIES)


def _server_of(connection: Connection) -> tuple[str, int]:
    row = connection.execute(SERVER).fetchone()
    assert row is not None
    return row[0], row[1]


@preflight_check("postgres.locale", "Encoding, collation and their versions are right", texts_shown=True)
def check_locale(scope: CheckScope) -> Iterator[CheckResult]:
    """Encoding and collation of each database, and whether servers for copies know them."""
    yield from ask_databases(scope, "encoding and collation", _check_own, *OF_PRODUCTION)
    sources = yield from _read_sources(scope)

    def check_copy(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        yield from _check_known(connection, database, sources)

    if sources:
        yield from ask_databases(scope, "locales for copies", check_copy, DatabaseUse.KEEP_COPIES)


def _check_own(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    locale = read_locale(connection)
    question = database.question("encoding", "the encoding of the database")
    if locale["encoding"] == "UTF8":
        yield question.green("UTF8.")
    else:
        seen = (
            f"The encoding is {locale['encoding']}: text in UTF-8 from the new stack may have no place in it."
        )
        yield question.amber(seen, "Rehearse with such text, or plan a database in UTF8 (dump and restore).")
    yield _check_version(connection, database, str(locale["locale"] or locale["collate"]))
    for collation, before, now in connection.execute(STALE_COLLATIONS):
        about = database.question(f"collation {collation}", "whether its rules are still the same")
        yield about.red(
            f"Columns have the collation {collation}, whose version was {before} and is {now} now.",
            f"REINDEX their indexes; then ALTER COLLATION {collation} REFRESH VERSION;",
        )


def _check_version(connection: Connection, database: PlannedDatabase, collation: str) -> CheckResult:
    question = database.question("version of the collation", "whether the system's rules are still the same")
    if connection.info.server_version < 150000:
        return question.green(f"{collation}; this server records no version of it.")
    row = connection.execute(COLLATION_VERSION).fetchone()
    assert row is not None
    name, recorded, actual = row
    if recorded == actual:
        return question.green(f"{collation}{f', version {actual}' if actual else ''}.")
    return question.red(
        f"Indexes on text were built with version {recorded} of {collation}; the system has {actual} now. "
        "They may not find rows, and unique ones may hold a value twice.",
        f"REINDEX DATABASE {name}; then ALTER DATABASE {name} REFRESH COLLATION VERSION;",
    )


def _check_known(
    connection: Connection, database: PlannedDatabase, sources: Sequence[_Source]
) -> Iterator[CheckResult]:
    for source in sources:
        question = database.question(f"locale of {source.database.address}", "whether the server knows it")
        name = str(source.locale["locale"] or source.locale["collate"])
        if _knows(connection, source.locale):
            yield question.green(f"It knows {name}.")
        else:
            seen = f"The server does not know {name}: copies get C there, and sort text differently."
            yield question.amber(seen, f"Install the locale {name} there (locale-gen, or ICU), restart it.")


def _knows(connection: Connection, locale: Locale) -> bool:
    """Whether a database with this locale can be created there, as far as its catalog tells."""
    provider, collate = locale["provider"], locale["collate"]
    if provider == "b":  # built into the server
        return connection.info.server_version >= 170000
    if provider == "i":
        row = connection.execute(HAS_ICU).fetchone()
    else:
        row = connection.execute(HAS_LOCALE, [collate, collate]).fetchone()
    return bool(row and row[0]) or (provider != "i" and collate in EVERYWHERE)
