"""Logins that migrate, freeze, restore or serve the new application may do so."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.errors import Problem, Unreachable
from integrations.preflight import login_rights
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.checks.postgres_rights import missing_on_sequences, missing_on_tables
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import PlannedLogin, ask_logins, login_question
from integrations.preflight.login_rights import MissingPrivilege, RightsOverRole, RoleRights
from integrations.preflight.pending_scripts import (
    WITH_SCRIPTS,
    find_altered_tables,
    find_changed_columns,
    migrating_projects,
    read_pending_scripts,
)
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult, Verdict
from integrations.prisma.migrations import TABLE as MIGRATION_TABLE
from integrations.sql_review.identifiers import TableName
from integrations.writes import freeze

FREEZES = ("freeze.on", "freeze.off")
WRITES = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: whether a role gets these rights on what another role will create: its default privileges
DEFAULTS = """
select not exists (
  select from unnest(%(rights)s::text[]) wanted(name) where not exists (
    select from pg_default_acl d, aclexplode(d.defaclacl) a
     where d.defaclobjtype = %(kind)s and pg_get_userbyid(d.defaclrole) = %(creator)s
       and (d.defaclnamespace = 0 or d.defaclnamespace = to_regnamespace(%(schema)s))
       and a.privilege_type = wanted.name
       and (a.grantee = 0 or pg_has_role(session_user, a.grantee, 'USAGE'))))
"""


@preflight_check(
    "postgres.rights_to_migrate",
    "The login that migrates may alter what it has to",
    seconds=WITH_SCRIPTS,
    texts_shown=True,
)
def check_rights_to_migrate(scope: CheckScope) -> Iterator[CheckResult]:
    """Owners of tables and the right to create, from the catalog; the tables from the pending scripts."""

    def check(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        role = login_rights.read_role_rights(connection)
        question = login_question(login, f"CREATE in schema {role.schema}", "the right to create tables")
        if role.creates_in_schema:
            yield question.green(f"{role.role} may create tables in {role.schema}.")
        else:
            seen = f"{role.role} may not create tables in the schema {role.schema}."
            yield question.red(seen, f"GRANT CREATE ON SCHEMA {role.schema} TO {role.role};")
        yield from _check_owners(scope, connection, login, role)

    yield from ask_logins(scope, "rights to migrate", check, DatabaseUse.MIGRATE)


def _check_owners(
    scope: CheckScope, connection: Connection, login: PlannedLogin, role: RoleRights
) -> Iterator[CheckResult]:
    others = login_rights.list_tables_of_others(connection)
    question = login_question(login, "owners of tables", "whether it owns the tables that are altered")
    if not others:
        yield question.green(f"{role.role} may alter every table.")
        return
    try:
        altered = _altered_by(scope, login)
    except Problem as problem:
        change = "Remove the cause; until then let one role own all tables, or check their owners by hand."
        yield question.unknown(
            f"{len(others)} tables belong to other roles; are they altered? Not known: {problem.what}",
            change,
        )
        return
    refused = [each for each in others if _is_among(each.schema, each.name, altered)]
    for each in refused:
        about = login_question(login, f"owner of table {each.quoted}", "whether it owns what is altered")
        yield about.red(
            f"A pending script alters {each.quoted}, which belongs to {each.owner}: {role.role} is refused.",
            f"GRANT {each.owner} TO {role.role}; or ALTER TABLE {each.quoted} OWNER TO {role.role};",
        )
    if not refused:
        names = ", ".join(each.quoted for each in others)
        yield question.green(f"The pending scripts alter none of the tables of other roles ({names}).")


def _altered_by(scope: CheckScope, login: PlannedLogin) -> set[TableName]:
    projects = [each for each in migrating_projects(scope) if each.name in login.systems]
    return {name for each in projects for name in find_altered_tables(read_pending_scripts(scope, each))}


def _is_among(schema: str, name: str, tables: set[TableName]) -> bool:
    """Scripts may name a table without its schema."""
    return bool({TableName(schema, name), TableName("", name)} & tables)


@preflight_check(
    "postgres.rights_to_freeze",
    "The administrating login may freeze the application's role",
    texts_shown=True,
)
def check_rights_to_freeze(scope: CheckScope) -> Iterator[CheckResult]:
    """Whether both logins lead to one database, and the rights over the role that becomes read-only."""
    items = scope.items_of(*FREEZES)
    pairs = {(str(item.params.get("application")), str(item.params.get("database"))) for item in items}

    def check(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        for application, database in sorted(pairs):
            if database in login.systems and application in scope.systems:
                question = login_question(
                    login, f"rights over the role of {application}", "whether it may freeze this role"
                )
                yield _check_freeze(connection, question, scope.systems[application]["url"])

    yield from ask_logins(scope, "rights to freeze", check, DatabaseUse.FREEZE)


def _check_freeze(connection: Connection, question: Question, application: str) -> CheckResult:
    try:
        frozen = freeze.find_login(connection, application, "preflight").role
    except Unreachable as problem:
        return question.explain(problem, Verdict.UNKNOWN)
    except Problem as problem:
        return question.explain(problem)
    mine = login_rights.read_role_rights(connection)
    over = login_rights.read_rights_over(connection, frozen)
    assert over is not None  # it has just signed in
    lacking = _find_lacking(connection, mine, over)
    if not lacking:
        return question.green(f"{mine.role} may change the settings of {over.role} and end its sessions.")
    seen = f"{mine.role} may not {', '.join(what for what, _ in lacking)}: the freeze would stop there."
    return question.red(seen, " ".join(remedy for _, remedy in lacking))


def _find_lacking(connection: Connection, mine: RoleRights, over: RightsOverRole) -> list[tuple[str, str]]:
    """What it may not, and the statement that helps."""
    if mine.is_superuser:
        return []
    if over.is_superuser:
        return [(f"touch {over.role}, which is a superuser", f"ALTER ROLE {over.role} NOSUPERUSER;")]
    lacking = []
    needs_admin = connection.info.server_version >= 160000 and not over.may_administer
    if not mine.creates_roles or needs_admin:
        grant = f"ALTER ROLE {mine.role} CREATEROLE; GRANT {over.role} TO {mine.role} WITH ADMIN OPTION;"
        lacking.append((f"change the settings of {over.role}", grant))
    if not over.may_be:
        for has_it, what, right in (
            (mine.signals_backends, f"end sessions of {over.role}", "pg_signal_backend"),
            (mine.reads_all_stats, f"see when sessions of {over.role} began", "pg_read_all_stats"),
        ):
            if not has_it:
                lacking.append((what, f"GRANT {right} TO {mine.role};"))
    return lacking


@preflight_check(
    "postgres.rights_to_restore", "Logins that create or swap databases may do so", texts_shown=True
)
def check_rights_to_restore(scope: CheckScope) -> Iterator[CheckResult]:
    """CREATEDB, and the owner of the live database."""

    def check(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        role = login_rights.read_role_rights(connection)
        question = login_question(login, "right to create databases", "CREATEDB")
        if role.creates_databases or role.is_superuser:
            yield question.green(f"{role.role} may create databases.")
        else:
            seen = f"{role.role} may not create databases: no backup can be restored there."
            yield question.red(seen, f"ALTER ROLE {role.role} CREATEDB;")
        if login.needs(DatabaseUse.RESTORE_OVER) and not role.owns_database:
            yield login_question(login, "owner of the database", "whether it may rename it").red(
                f"{role.role} does not own the database {role.database}, and may not swap it for another.",
                f"ALTER DATABASE {role.database} OWNER TO {role.role};",
            )

    uses = (DatabaseUse.KEEP_COPIES, DatabaseUse.RESTORE_OVER)
    yield from ask_logins(scope, "rights to create databases", check, *uses)


@preflight_check(
    "postgres.rights_of_new_stack",
    "The new application's login may use every table",
    seconds=WITH_SCRIPTS,
    texts_shown=True,
)
def check_rights_of_new_stack(scope: CheckScope) -> Iterator[CheckResult]:
    """Its rights on what is there and stays, and its default privileges on what the migration creates."""
    migrators = migrating_projects(scope)
    going = _find_going(scope)

    def check(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        role = login_rights.read_role_rights(connection)
        found = [
            *missing_on_tables(login, role, _lasting(connection, going)),
            *missing_on_sequences(login, role, login_rights.list_missing_on_sequences(connection, ["USAGE"])),
        ]
        for project in migrators:
            creator = postgres.connection_settings(project["database"]).get("user", "")
            if creator and postgres.address(project["database"]) == login.address:
                found += _check_defaults(connection, login, role, creator)
        yield from found
        if not found:
            question = login_question(login, "rights on tables", f"{', '.join(WRITES)} on every table")
            yield question.green("It may read and write every table, also those that the migration creates.")

    yield from ask_logins(scope, "rights of the new application", check, DatabaseUse.RUN_NEW_STACK)


def _find_going(scope: CheckScope) -> set[TableName]:
    """Tables that the new application does not use: pending scripts drop them, or they are Prisma's own."""
    going = {TableName("", MIGRATION_TABLE)}
    for project in migrating_projects(scope):
        try:
            changes = find_changed_columns(read_pending_scripts(scope, project))
        except Problem:
            continue  # then every table counts; `prisma.alignment` tells the cause
        going |= {TableName(change.schema, change.table) for change in changes if not change.column}
    return going


def _lasting(connection: Connection, going: set[TableName]) -> list[MissingPrivilege]:
    return [
        each
        for each in login_rights.list_missing_on_tables(connection, WRITES)
        if not _is_among(each.schema, each.relation, going)
    ]


def _check_defaults(
    connection: Connection, login: PlannedLogin, role: RoleRights, creator: str
) -> Iterator[CheckResult]:
    over = login_rights.read_rights_over(connection, creator)
    if role.is_superuser or over is None or over.may_be:
        return
    for kind, word, rights in (("r", "TABLES", WRITES), ("S", "SEQUENCES", ("USAGE",))):
        values = {"rights": list(rights), "kind": kind, "creator": creator, "schema": role.schema}
        row = connection.execute(DEFAULTS, values).fetchone()
        if row is None or row[0]:
            continue
        yield login_question(login, f"new {word.lower()} of {creator}", "default privileges").red(
            f"{role.role} gets no right on {word.lower()} that {creator} creates by the migration.",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {over.role} IN SCHEMA {role.schema} GRANT {', '.join(rights)}"
            f" ON {word} TO {role.role};",
        )
