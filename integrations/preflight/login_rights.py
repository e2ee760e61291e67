"""What a PostgreSQL login may do, read from the catalog of the database to which it is connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integrations.clients.postgres import Connection

#: What belongs to no extension and is not temporary; names are given as SQL writes them.
_FROM = " from pg_class c join pg_namespace n on n.oid = c.relnamespace "
_OWN = """
   n.nspname !~ '^(pg_|information_schema$)' and c.relpersistence <> 't'
   and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid
                    and e.deptype = 'e')
"""
_PRIVILEGES = " cross join unnest(%s::text[]) p(name) "
_TABLES = " and c.relkind in ('r', 'p', 'm') "

MISSING_ON_TABLES = (
    "select format('%%I.%%I', n.nspname, c.relname), p.name, n.nspname, c.relname"
    + _FROM + _PRIVILEGES + "where" + _OWN
    + _TABLES + "and not has_table_privilege(c.oid, p.name) order by 1, 2"
)  # fmt: skip
MISSING_ON_SEQUENCES = (
    "select format('%%I.%%I', n.nspname, c.relname), p.name, n.nspname, c.relname"
    + _FROM + _PRIVILEGES + "where" + _OWN
    # The order of conditions is the planner's: of a table, the function would be an error.
    + "and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, p.name) end order by 1, 2"
)  # fmt: skip
CLOSED_SCHEMAS = (
    "select distinct quote_ident(n.nspname)" + _FROM + "where" + _OWN
    + "and c.relkind in ('r', 'p', 'm', 'S') and not has_schema_privilege(n.oid, 'USAGE') order by 1"
)  # fmt: skip
HIDDEN_ROWS = (
    "select format('%I.%I', n.nspname, c.relname)" + _FROM + "where" + _OWN
    + _TABLES + "and row_security_active(c.oid) order by 1"
)  # fmt: skip
#: Tables whose owner the login is not, and may not act for.
TABLES_OF_OTHERS = (
    "select n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), quote_ident(r.rolname)" + _FROM
    + "join pg_roles r on r.oid = c.relowner where" + _OWN
    + "and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'USAGE') order by 3"
)  # fmt: skip
#: Large objects that the login may not read: not their owner's, and not granted to a role of it.
CLOSED_LARGE_OBJECTS = """
select count(*), min(m.oid) from pg_largeobject_metadata m
 where not pg_has_role(m.lomowner, 'USAGE') and not exists (
   select from aclexplode(m.lomacl) a where a.privilege_type = 'SELECT'
      and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))
"""
ROLE = """
select quote_ident(session_user), r.rolsuper, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole,
       pg_has_role('pg_read_all_stats', 'USAGE'), pg_has_role('pg_signal_backend', 'USAGE'),
       has_database_privilege(current_database(), 'CREATE'), pg_has_role(d.datdba, 'USAGE'),
       quote_ident(current_database()), quote_ident(coalesce(current_schema(), 'public')),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
  from pg_roles r, pg_database d where r.rolname = session_user and d.datname = current_database()
"""


@dataclass(frozen=True)
class RoleRights:
    """What a role may do in the database. Names are as SQL writes them, in quotes where needed."""

    role: str
    is_superuser: bool
    bypasses_policies: bool
    creates_databases: bool
    creates_roles: bool
    reads_all_stats: bool
    signals_backends: bool
    creates_in_database: bool
    owns_database: bool
    database: str
    schema: str
    creates_in_schema: bool


@dataclass(frozen=True)
class MissingPrivilege:
    """A table or sequence, as SQL writes it, and a privilege on it that the login lacks; ``schema`` and
    ``relation`` are its name as it is stored."""

    name: str
    privilege: str
    schema: str
    relation: str


def read_role_rights(connection: Connection) -> RoleRights:
    """The rights of the session's login."""
    row = connection.execute(ROLE).fetchone()
    assert row is not None
    return RoleRights(*row)


def list_missing_on_tables(connection: Connection, privileges: Sequence[str]) -> list[MissingPrivilege]:
    """The privileges that the login lacks on tables and materialised views."""
    return [MissingPrivilege(*row) for row in connection.execute(MISSING_ON_TABLES, [list(privileges)])]


def list_missing_on_sequences(connection: Connection, privileges: Sequence[str]) -> list[MissingPrivilege]:
    """The privileges that the login lacks on sequences."""
    return [MissingPrivilege(*row) for row in connection.execute(MISSING_ON_SEQUENCES, [list(privileges)])]


def list_closed_schemas(connection: Connection) -> list[str]:
    """The schemas with tables or sequences that the login may not look into."""
    return [row[0] for row in connection.execute(CLOSED_SCHEMAS)]


@dataclass(frozen=True)
class TableOfOther:
    """A table that the login may not alter: schema and name as stored, and both names as SQL writes them."""

    schema: str
    name: str
    quoted: str
    owner: str


def list_tables_of_others(connection: Connection) -> list[TableOfOther]:
    """The tables that the login neither owns nor may act for the owner of."""
    return [TableOfOther(*row) for row in connection.execute(TABLES_OF_OTHERS)]


def count_closed_large_objects(connection: Connection) -> tuple[int, int | None]:
    """How many large objects the login may not read, and the number of the first."""
    row = connection.execute(CLOSED_LARGE_OBJECTS).fetchone()
    assert row is not None
    return int(row[0]), row[1]


FROZEN_ROLE = """
select quote_ident(r.rolname), r.rolsuper, pg_has_role(r.oid, 'USAGE'),
       pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') from pg_roles r where r.rolname = %s
"""


@dataclass(frozen=True)
class RightsOverRole:
    """What the session's login may do with another role: be it, and give it away."""

    role: str
    is_superuser: bool
    may_be: bool
    may_administer: bool


def read_rights_over(connection: Connection, role: str) -> RightsOverRole | None:
    """The rights over another role; None where the server has no such role."""
    row = connection.execute(FROZEN_ROLE, [role]).fetchone()
    return RightsOverRole(*row) if row else None


def list_tables_with_hidden_rows(connection: Connection) -> list[str]:
    """The tables of which policies may hide rows from the login."""
    return [row[0] for row in connection.execute(HIDDEN_ROWS)]
