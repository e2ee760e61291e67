"""Every login of a database has the rights that the items of the runbook need of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from integrations.clients.postgres import Connection
from integrations.preflight import login_rights
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import PlannedLogin, ask_logins, login_question
from integrations.preflight.login_rights import MissingPrivilege, RoleRights
from integrations.preflight.result import CheckResult

MOST = 20  # tables that are named one by one; further ones are one result
READS_ALL = (DatabaseUse.COMPARE, DatabaseUse.BACK_UP)


@preflight_check(
    "postgres.rights_to_read", "Logins that compare or back up may read everything", texts_shown=True
)
def check_rights_to_read(scope: CheckScope) -> Iterator[CheckResult]:
    """Rights on every table, sequence, schema and large object, from the catalog."""
    yield from ask_logins(scope, "rights to read", _check_reading, *READS_ALL)


def _check_reading(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
    role = login_rights.read_role_rights(connection)
    found = [
        *_closed_schemas(connection, login, role),
        *missing_on_tables(login, role, login_rights.list_missing_on_tables(connection, ["SELECT"])),
        *missing_on_sequences(login, role, login_rights.list_missing_on_sequences(connection, ["SELECT"])),
        *_hidden_rows(connection, login, role),
        *(_closed_large_objects(connection, login, role) if login.needs(DatabaseUse.BACK_UP) else ()),
    ]
    yield from found
    if not found:
        question = login_question(login, "rights to read", "SELECT on every table and sequence")
        yield question.green("It may read every table and every sequence, and no policy hides rows from it.")


def _closed_schemas(connection: Connection, login: PlannedLogin, role: RoleRights) -> Iterator[CheckResult]:
    for schema in login_rights.list_closed_schemas(connection):
        question = login_question(login, f"schema {schema}", "USAGE on every schema that has tables")
        yield question.red(
            f"It may not look into the schema {schema}: its tables cannot be compared or backed up.",
            f"GRANT USAGE ON SCHEMA {schema} TO {role.role};",
        )


def missing_on_tables(
    login: PlannedLogin, role: RoleRights, missing: Sequence[MissingPrivilege]
) -> Iterator[CheckResult]:
    """A red result for each table on which something is missing; many are one."""
    yield from _missing(login, role, missing, "table", "TABLE")


def missing_on_sequences(
    login: PlannedLogin, role: RoleRights, missing: Sequence[MissingPrivilege]
) -> Iterator[CheckResult]:
    """A red result for each sequence on which something is missing; many are one."""
    yield from _missing(login, role, missing, "sequence", "SEQUENCE")


def _missing(
    login: PlannedLogin, role: RoleRights, missing: Sequence[MissingPrivilege], kind: str, word: str
) -> Iterator[CheckResult]:
    by_name: dict[str, list[str]] = {}
    for each in missing:
        by_name.setdefault(each.name, []).append(each.privilege)
    names = list(by_name)
    for name in names[:MOST]:
        rights = ", ".join(by_name[name])
        question = login_question(login, f"{kind} {name}", f"{rights} on every {kind}")
        seen = f"{role.role} lacks {rights} on the {kind} {name}."
        yield question.red(seen, f"GRANT {rights} ON {word} {name} TO {role.role};")
    if names[MOST:]:
        question = login_question(login, f"further {kind}s", f"rights on every {kind}")
        rights = ", ".join(dict.fromkeys(each.privilege for each in missing))
        yield question.red(
            f"{role.role} lacks {rights} on {len(names) - MOST} further {kind}s: {', '.join(names[MOST:])}.",
            f"GRANT {rights} ON ALL {word}S IN SCHEMA … TO {role.role}; for each schema.",
        )


def _hidden_rows(connection: Connection, login: PlannedLogin, role: RoleRights) -> Iterator[CheckResult]:
    for table in login_rights.list_tables_with_hidden_rows(connection):
        question = login_question(login, f"policies of table {table}", "whether policies hide rows")
        yield question.red(
            f"Row security of {table} applies to {role.role}: pg_dump and the comparison stop there.",
            f"ALTER ROLE {role.role} BYPASSRLS; or use the owner's login.",
        )


def _closed_large_objects(
    connection: Connection, login: PlannedLogin, role: RoleRights
) -> Iterator[CheckResult]:
    count, first = login_rights.count_closed_large_objects(connection)
    if count:
        question = login_question(login, "large objects", "SELECT on every large object")
        yield question.red(
            f"{role.role} may not read {count} large objects: pg_dump stops at the first of them.",
            f"GRANT SELECT ON LARGE OBJECT {first} TO {role.role}; and so for each, or take their owner.",
        )
