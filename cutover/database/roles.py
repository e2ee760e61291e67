"""What is wrong with the application role, and the statements that make or mend it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

#: Attributes of a role with which a person goes round the rights on tables.
POWERS = {
    "rolsuper": ("is a superuser", "NOSUPERUSER"),
    "rolcreaterole": ("may create roles", "NOCREATEROLE"),
    "rolcreatedb": ("may create databases", "NOCREATEDB"),
    "rolreplication": ("may replicate", "NOREPLICATION"),
    "rolbypassrls": ("passes by row security", "NOBYPASSRLS"),
}
READ_POWERS = """
    SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = %s
"""
READ_OWNED = """
    SELECT relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner AND r.rolname = %s
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY 1
"""
#: Roles that it is a member of and that own tables here, are superusers, or run programs and read files.
READ_MEMBERSHIPS = """
    SELECT g.rolname FROM pg_roles g, pg_roles r
    WHERE r.rolname = %s AND g.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER')
      AND (g.rolsuper OR g.rolname LIKE 'pg\\_%%' OR EXISTS (
          SELECT 1 FROM pg_class c WHERE c.relowner = g.oid AND c.relnamespace = 'public'::regnamespace))
    ORDER BY 1
"""
MAY_CREATE = "SELECT has_schema_privilege(%s, 'public', 'CREATE')"


def problems_of(role: str, cursor: CursorWrapper) -> list[str]:
    """Why the panel must not work as this role, each in words. Empty: it may."""
    cursor.execute(READ_POWERS, [role])
    row = cursor.fetchone()
    if row is None:
        return ["does not exist"]
    found = [words for has, (words, _) in zip(row, POWERS.values(), strict=True) if has]
    cursor.execute(READ_OWNED, [role])
    owned = [name for (name,) in cursor.fetchall()]
    if owned:
        found.append(f"owns {len(owned)} tables and sequences ({', '.join(owned[:3])} …)")
    found += [f"is a member of {name}" for name in _memberships(role, cursor)]
    if not row[0]:
        cursor.execute(MAY_CREATE, [role])
        if cursor.fetchone() == (True,):
            found.append("may create tables and functions")
    return found


def _memberships(role: str, cursor: CursorWrapper) -> list[str]:
    cursor.execute(READ_MEMBERSHIPS, [role])
    return [name for (name,) in cursor.fetchall()]


def application_role_problems() -> list[str]:
    """Why the panel must not start: what the role of DATABASE_URL may do, with the remedy.

    Raises Django's `OperationalError` when the database does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role: str = cursor.fetchone()[0]
        problems = problems_of(role, cursor)
    if not problems:
        return []
    return [
        f"The panel connects to its database as {role} (DATABASE_URL), which {' and '.join(problems)}. "
        "Then the database refuses it nothing: sign-offs and the record could be rewritten with SQL. "
        "Keep that role as the owner: give its address to DATABASE_OWNER_URL, name another role in "
        "DATABASE_URL, and run `manage.py database_roles --dry-run`, then without --dry-run "
        "(docs/how-to/upgrade.md)."
    ]


def create(role: str, password: str) -> sql.Composed:
    """Makes the role of DATABASE_URL, with the password of DATABASE_URL."""
    return sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))


def weaken(role: str, owner: str, cursor: CursorWrapper) -> Iterator[sql.Composed]:
    """Takes from an existing role what it must not have, except tables (`Layout.ownership`)."""
    cursor.execute(READ_POWERS, [role])
    row = cursor.fetchone() or ()
    options = [words for has, (_, words) in zip(row, POWERS.values(), strict=False) if has]
    if options:
        yield sql.SQL("ALTER ROLE {} {}").format(
            sql.Identifier(role),
            sql.SQL(" ").join(sql.SQL(words) for words in options),
        )
    for name in {*_memberships(role, cursor), *_direct_memberships(role, owner, cursor)}:
        yield sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(name), sql.Identifier(role))


def _direct_memberships(role: str, owner: str, cursor: CursorWrapper) -> list[str]:
    """The owner's role, which owns no table yet when a panel is set up from scratch."""
    cursor.execute(
        "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
        "JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = %s AND g.rolname = %s",
        [role, owner],
    )
    return [name for (name,) in cursor.fetchall()]
